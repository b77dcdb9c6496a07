#pragma once
// The report as text, line by line, so that a long run shows where it is.

#include <string>

#include "selftest/selftest.h"

namespace mebm::selftest {

// The device, the measured ceilings and the columns' names: before the first result.
std::string table_head(const Report& report);
// One line; a failed result has a second one that says what is wrong.
std::string table_line(const Result& result);
// "selftest: 120 passed, 0 failed"
std::string summary(const Report& report);

}  // namespace mebm::selftest
