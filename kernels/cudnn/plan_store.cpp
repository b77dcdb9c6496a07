#include "kernels/cudnn/plan_store.h"

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <utility>

namespace mebm::kernels::cudnn {

Status PlanStore::read(const std::string& file) {
  std::error_code missing;
  if (file.empty() || !std::filesystem::exists(file, missing)) return {};
  std::ifstream in(file);
  const auto document = nlohmann::json::parse(in, nullptr, false);
  const std::string remedy = "; delete the file to choose plans anew";
  if (!in || document.is_discarded()) return Status(file + ": not readable as JSON" + remedy);
  if (!document.is_object() || !document.contains("plans") || !document["plans"].is_object())
    return Status(file + ": has no object \"plans\"" + remedy);
  for (const auto& [name, plan] : document["plans"].items()) {
    if (!plan.is_string()) return Status(file + ": the plan of \"" + name + "\" is no string" + remedy);
    plans_[name] = plan.get<std::string>();
  }
  return {};
}

Status PlanStore::write(const std::string& file) const {
  const std::string partial = file + ".partial";
  {
    std::ofstream out(partial);
    out << nlohmann::json{{"plans", plans_}}.dump(1) << '\n';
    out.flush();
    if (!out) return Status(partial + ": cannot be written");
  }
  std::error_code failed;
  std::filesystem::rename(partial, file, failed);
  return failed ? Status(file + ": cannot be replaced: " + failed.message()) : Status();
}

const std::string* PlanStore::find(const std::string& name) const {
  const auto found = plans_.find(name);
  return found == plans_.end() ? nullptr : &found->second;
}

}  // namespace mebm::kernels::cudnn
