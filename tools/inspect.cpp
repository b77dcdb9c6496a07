// mebm_engine inspect: what a checkpoint or another HDF5 file holds, as text or JSON.

#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "engine/core/error.h"
#include "engine/io/inspect.h"
#include "tools/commands.h"
#include "tools/model_inputs.h"

namespace mebm::tools {

using engine::FileState;
using engine::FileSummary;
using engine::Hdf5Attribute;
using nlohmann::ordered_json;

namespace {

struct InspectOptions {
  std::string file;
  bool json = false, verify = false;
};

ordered_json value_of(const Hdf5Attribute& attribute) {
  if (const auto* text = std::get_if<std::string>(&attribute)) return *text;
  if (const auto* integer = std::get_if<std::int64_t>(&attribute)) return *integer;
  if (const auto* number = std::get_if<double>(&attribute)) return *number;
  return nullptr;
}

ordered_json values_of(const std::map<std::string, Hdf5Attribute>& attributes) {
  ordered_json out = ordered_json::object();
  for (const auto& [name, attribute] : attributes) out[name] = value_of(attribute);
  return out;
}

template <typename T>
ordered_json or_null(const std::optional<T>& value) {
  return value ? ordered_json(*value) : ordered_json(nullptr);
}

bool readable(const FileSummary& summary) {
  return summary.check.state == FileState::intact || summary.check.state == FileState::foreign;
}

ordered_json digest_json(const engine::FileCheck& check) {
  ordered_json out;
  out["state"] = engine::name_of(check.state);
  if (check.state != FileState::foreign) out["stored"] = engine::to_hex(check.block.digest);
  if (check.state == FileState::intact || check.state == FileState::mismatch)
    out["actual"] = engine::to_hex(check.actual);
  if (!check.problem.empty()) out["problem"] = check.problem;
  return out;
}

ordered_json to_json(const FileSummary& summary) {
  ordered_json out;
  out["file"] = summary.path;
  out["file_bytes"] = summary.check.file_bytes;
  out["digest"] = digest_json(summary.check);
  if (!readable(summary)) return out;
  out["format"] = summary.format;
  out["version"] = or_null(summary.version);
  out["engine_version"] = or_null(summary.engine_version);
  out["created"] = or_null(summary.created);
  out["iteration"] = or_null(summary.iteration);
  out["epoch"] = or_null(summary.epoch);
  out["attributes"] = values_of(summary.attributes);
  out["model"] = values_of(summary.model_attributes);
  out["groups"] = ordered_json::object();
  for (const auto& [group, attributes] : summary.group_attributes)
    out["groups"][group] = values_of(attributes);
  out["parameters"] = summary.parameters;
  out["tensor_bytes"] = summary.tensor_bytes;
  out["non_finite"] = summary.non_finite;
  out["config"] = or_null(summary.config);
  out["tensors"] = ordered_json::array();
  for (const engine::TensorSummary& tensor : summary.tensors)
    out["tensors"].push_back({{"path", tensor.path},
                              {"type", engine::name_of(tensor.type)},
                              {"shape", tensor.shape},
                              {"elements", tensor.elements},
                              {"minimum", or_null(tensor.minimum)},
                              {"maximum", or_null(tensor.maximum)},
                              {"mean", or_null(tensor.mean)},
                              {"non_finite", tensor.non_finite}});
  return out;
}

std::string text_of(const ordered_json& value) {
  return value.is_string() ? value.get<std::string>() : value.is_null() ? "-" : value.dump();
}

void print_text(const FileSummary& summary) {
  const ordered_json all = to_json(summary);
  for (const char* key :
       {"file", "file_bytes", "format", "version", "engine_version", "created", "iteration", "epoch"})
    if (all.contains(key) && !all[key].is_null()) fmt::print("{:<32}{}\n", key, text_of(all[key]));
  fmt::print("{:<32}{}\n", "digest", engine::name_of(summary.check.state));
  if (!readable(summary)) return;
  for (const auto& [name, value] : all["attributes"].items()) fmt::print("{:<32}{}\n", name, text_of(value));
  for (const auto& [name, value] : all["model"].items())
    fmt::print("{:<32}{}\n", "model." + name, text_of(value));
  for (const auto& [group, attributes] : all["groups"].items())
    for (const auto& [name, value] : attributes.items())
      fmt::print("{:<32}{}\n", fmt::format("{}.{}", group.substr(1), name), text_of(value));
  if (summary.parameters > 0) fmt::print("{:<32}{}\n", "parameters", summary.parameters);
  if (summary.non_finite > 0) fmt::print("{:<32}{} values\n", "non-finite", summary.non_finite);
  if (summary.config)
    fmt::print("{:<32}{} bytes of TOML, shown by --json\n", "config", summary.config->size());
  fmt::print("\n{:<52} {:<8} {:<22} {:>12} {:>12} {:>12}\n", "tensor", "type", "shape", "minimum", "mean",
             "maximum");
  const auto number = [](const std::optional<double>& value) {
    return value ? fmt::format("{:.5g}", *value) : "-";
  };
  for (const engine::TensorSummary& t : summary.tensors)
    fmt::print("{:<52} {:<8} {:<22} {:>12} {:>12} {:>12}{}\n", t.path, engine::name_of(t.type),
               engine::to_string(t.shape), number(t.minimum), number(t.mean), number(t.maximum),
               t.non_finite > 0 ? fmt::format("  {} not finite", t.non_finite) : "");
}

// Beyond the digest: every value finite, and a checkpoint's tensors as its attributes say.
void verify_contents(const FileSummary& summary) {
  for (const engine::TensorSummary& tensor : summary.tensors)
    if (tensor.non_finite > 0)
      engine::fail_input("{}: {} holds {} values that are not finite", summary.path, tensor.path,
                         tensor.non_finite);
  if (summary.format != "mebm-checkpoint") return;
  RuntimeOptions options;
  options.threads = 1;  // nothing is computed
  Runtime runtime(options);
  const StoredModel model(summary.path, runtime);
}

// What --verify found in order.
std::string verified_text(const FileSummary& summary) {
  const std::string digest = summary.check.state == FileState::intact
                                 ? "the digest is right"
                                 : "there is no digest to check (another program wrote the file)";
  return fmt::format("verified: {}, every value is finite{}", digest,
                     summary.format == "mebm-checkpoint" ? ", the tensors fit the model" : "");
}

int run_inspect(const InspectOptions& o) {
  const FileSummary summary = engine::inspect_file(o.file);
  if (o.verify && readable(summary)) verify_contents(summary);
  if (o.json)
    fmt::print("{}\n", to_json(summary).dump(2, ' ', false, ordered_json::error_handler_t::replace));
  else
    print_text(summary);
  if (!readable(summary)) engine::fail_input("{}: {}; use another copy", summary.path, summary.check.problem);
  if (o.verify && !o.json) fmt::print("\n{}\n", verified_text(summary));
  return 0;
}

}  // namespace

CommandRunner add_inspect(CLI::App& command) {
  auto o = std::make_shared<InspectOptions>();
  Options options(command);
  options.required("file", "FILE", o->file,
                   "checkpoint, images, scores or initial-distribution file, or any HDF5 file");
  options.flag("--json", o->json, "print one JSON object instead of text");
  options.flag(
      "--verify", o->verify,
      "also check that every value is finite, and that a checkpoint's tensors fit its attributes and no "
      "variance is negative; exit status 2 where not");
  return [o] { return run_inspect(*o); };
}

}  // namespace mebm::tools
