#pragma once
// What a call into a device runtime or a vendor library said. Kernels do not throw; the engine does.

#include <string>
#include <utility>

namespace mebm::kernels {

class [[nodiscard]] Status {
 public:
  Status() = default;
  explicit Status(std::string error) : error_(std::move(error)) {}

  bool ok() const { return error_.empty(); }
  const std::string& error() const { return error_; }

 private:
  std::string error_;  // empty: no failure; else what failed, where, with which values
};

}  // namespace mebm::kernels
