// Configurations, finished plans, their execution.

#include "kernels/cudnn/convolution_plan.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>

#include "kernels/conv2d/conv2d_checks.h"

namespace mebm::kernels::cudnn {
namespace {

using conv2d::Direction;
using conv2d::Params;
using conv2d::device::Element;

bool has(const std::vector<cudnnBackendNumericalNote_t>& notes, cudnnBackendNumericalNote_t note) {
  return std::find(notes.begin(), notes.end(), note) != notes.end();
}

bool acceptable(const std::vector<cudnnBackendNumericalNote_t>& notes, Element element) {
  return !has(notes, CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC) &&
         !has(notes, CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS) &&
         !has(notes, CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION) &&
         (element != Element::fp32 || !has(notes, CUDNN_NUMERICAL_NOTE_TENSOR_CORE));
}

// Adds the configuration where it is acceptable.
Status consider(Descriptor configuration, Element element, std::vector<Descriptor>& found) {
  std::vector<Descriptor> engines;
  if (Status status =
          configuration.get(CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_BACKEND_ENGINE_DESCRIPTOR, engines);
      !status.ok())
    return status;
  if (engines.size() != 1) return Status("a configuration without an engine");
  std::vector<cudnnBackendNumericalNote_t> notes;
  if (Status status = engines[0].get(CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, notes); !status.ok()) return status;
  if (acceptable(notes, element)) found.push_back(std::move(configuration));
  return {};
}

Status ask_heuristics(const Target& target, const Graph& graph, cudnnBackendHeurMode_t mode, Element element,
                      std::vector<Descriptor>& found) {
  Descriptor heuristics(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
  heuristics.set(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph.operations)
      .set(CUDNN_ATTR_ENGINEHEUR_MODE, mode);
  if (target.handle == nullptr) heuristics.set(CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, *target.properties);
  heuristics.finalize();
  std::vector<Descriptor> configurations;
  if (Status status =
          heuristics.get(CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR, configurations);
      !status.ok())
    return status;
  for (Descriptor& configuration : configurations)
    if (Status status = consider(std::move(configuration), element, found); !status.ok()) return status;
  return {};
}

Descriptor new_plan(const Target& target) {
  Descriptor plan(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
  if (target.handle != nullptr) plan.set(CUDNN_ATTR_EXECUTION_PLAN_HANDLE, target.handle);
  if (target.handle == nullptr) plan.set(CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP, *target.properties);
  return plan;
}

// Takes a plan that needs finalizing only.
Status finish(Descriptor plan, BuiltPlan& built) {
  if (!plan.finalize().status().ok()) return plan.status();
  std::int64_t bytes = 0;
  if (Status status = plan.get(CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, bytes); !status.ok()) return status;
  std::string json;
  if (Status status = plan.get(CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION, json); !status.ok())
    return status;
  built = {std::move(plan), static_cast<std::size_t>(bytes), std::move(json)};
  return {};
}

}  // namespace

Status candidates(const Target& target, const Graph& graph, Element element, std::vector<Descriptor>& found) {
  found.clear();
  Status preferred = ask_heuristics(target, graph, CUDNN_HEUR_MODE_A, element, found);
  Status fallback = ask_heuristics(target, graph, CUDNN_HEUR_MODE_FALLBACK, element, found);
  if (!found.empty()) return {};
  return preferred.ok() ? fallback : preferred;
}

Status build(const Target& target, const Descriptor& candidate, BuiltPlan& built) {
  Descriptor plan = new_plan(target);
  plan.set(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, candidate);
  return finish(std::move(plan), built);
}

Status build_first(const Target& target, const Convolution& convolution, BuiltPlan& built,
                   std::size_t& considered) {
  considered = 0;
  Graph graph;
  std::vector<Descriptor> found;
  if (Status status = make_graph(target, convolution, graph); !status.ok()) return status;
  if (Status status = candidates(target, graph, convolution.element, found); !status.ok()) return status;
  considered = found.size();
  Status last("cuDNN offers no deterministic engine of this precision");
  for (const Descriptor& candidate : found) {
    last = build(target, candidate, built);
    if (last.ok()) return last;
  }
  return found.empty() ? last
                       : last.of("none of " + std::to_string(found.size()) +
                                 " configurations could be built; the last");
}

Status from_json(const Target& target, const std::string& json, BuiltPlan& built) {
  Descriptor plan = new_plan(target);
  plan.set_text(CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION, json);
  return finish(std::move(plan), built);
}

std::string describe(const BuiltPlan& built) {
  constexpr std::string_view kKnob = "CUDNN_KNOB_TYPE_";
  const auto plan = nlohmann::json::parse(built.json, nullptr, false);
  const auto engine =
      plan.is_object() ? plan.value("engine", nlohmann::json::object()) : nlohmann::json::object();
  if (!engine.contains("engineId")) return "an engine without a name";
  std::string text = "engine " + engine["engineId"].dump();
  const auto knobs = engine.value("knobChoices", nlohmann::json::object());
  for (const auto& [knob, value] : knobs.items())
    text.append(" ")
        .append(knob.starts_with(kKnob) ? knob.substr(kKnob.size()) : knob)
        .append("=")
        .append(value.dump());
  return text;
}

Status execute(cudnnHandle_t handle, const BuiltPlan& built, const std::vector<Binding>& bindings,
               void* workspace) {
  std::vector<void*> pointers;
  std::vector<std::int64_t> ids;
  for (const auto& [id, pointer] : bindings) {
    ids.push_back(static_cast<std::int64_t>(id));
    pointers.push_back(pointer);
  }
  Descriptor pack(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
  pack.set(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, ids)
      .set(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, pointers)
      .set(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, std::vector<void*>{workspace})
      .finalize();
  if (!pack.status().ok()) return pack.status();
  return check(cudnnBackendExecute(handle, built.plan.get(), pack.get()), "cudnnBackendExecute()");
}

}  // namespace mebm::kernels::cudnn
