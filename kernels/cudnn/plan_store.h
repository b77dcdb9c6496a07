#pragma once
// Plans remembered by name in a JSON file: {"plans": {"<name>": "<cuDNN's text of the plan>"}}.

#include <map>
#include <string>

#include "kernels/compat/status.h"

namespace mebm::kernels::cudnn {

class PlanStore {
 public:
  // A file that does not exist, or an empty name, leaves the store empty. A file that is no such JSON is an
  // error naming it.
  Status read(const std::string& file);
  // Replaces the file at once; its folder must exist.
  Status write(const std::string& file) const;

  // Null: not there.
  const std::string* find(const std::string& name) const;
  void put(const std::string& name, std::string json) { plans_[name] = std::move(json); }

 private:
  std::map<std::string, std::string> plans_;
};

}  // namespace mebm::kernels::cudnn
