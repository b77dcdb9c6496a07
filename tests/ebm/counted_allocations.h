#pragma once
// Counts requests for memory of the whole process, all threads and libraries included: malloc and its
// relatives, operator new. A program that links counted_allocations.cpp has them replaced.

#include <cstddef>
#include <string>
#include <vector>

namespace mebm::testing {

struct Allocation {
  std::string object;    // file name of the program or library that asked
  std::string function;  // "name+0x12", or the offset in the file where the name is not known
};

// Between construction and stop(); one at a time.
class CountedAllocations {
 public:
  CountedAllocations();
  ~CountedAllocations();
  CountedAllocations(const CountedAllocations&) = delete;
  CountedAllocations& operator=(const CountedAllocations&) = delete;

  // How many there were until now.
  std::size_t count() const;
  // Ends the counting: who asked, in order. Fails where there were more than are kept (65536).
  std::vector<Allocation> stop();
};

}  // namespace mebm::testing
