// Asks cuDNN which plan every convolution of the recipes' networks gets on a GPU described in words; no GPU
// is needed, and none is used. Prints one line per convolution and a summary.
//
// usage: plans_probe H100|H200
// Exit status: 0, 1 when a convolution has no plan (stems apart, which have kernels of their own) or a plan's
// text does not make it again, 2 for wrong usage, 77 when cuDNN takes no descriptions.

#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include "kernels/conv2d/conv2d_checks.h"
#include "kernels/cudnn/convolution_plan.h"
#include "tests/cuda/described_device.h"

namespace mebm::test {
namespace {

using kernels::Status;
using kernels::conv2d::Direction;
using kernels::conv2d::Params;
using kernels::conv2d::device::Element;
using kernels::conv2d::device::name_of;
using kernels::cudnn::BuiltPlan;
using kernels::cudnn::Convolution;
using kernels::cudnn::Descriptor;
using kernels::cudnn::Target;

struct Network {
  std::int64_t width, stages, size, image_channels;
};

// The depth repeats shapes and adds none. 32: CIFAR; 28: the MNIST sets; 128: CelebA.
constexpr Network kNetworks[] = {{1, 3, 32, 3}, {2, 3, 32, 3},  {5, 3, 32, 3},  {10, 3, 32, 3},
                                 {2, 3, 28, 1}, {10, 3, 28, 1}, {2, 4, 128, 3}, {5, 4, 128, 3}};

struct Shape {
  Params params;
  bool stem = false;
};

Params convolution(std::int64_t images, std::int64_t in, std::int64_t size, std::int64_t out,
                   std::int64_t kernel, std::int64_t stride) {
  const std::int64_t padding = kernel / 2, out_size = (size + 2 * padding - kernel) / stride + 1;
  return {.images = images,
          .in_channels = in,
          .in_height = size,
          .in_width = size,
          .out_channels = out,
          .out_height = out_size,
          .out_width = out_size,
          .kernel = kernel,
          .stride = stride,
          .padding = padding};
}

void add(std::vector<Shape>& shapes, const Params& params, bool stem = false) {
  for (const Shape& known : shapes)
    if (known.params == params) return;
  shapes.push_back({params, stem});
}

std::vector<Shape> distinct_shapes() {
  std::vector<Shape> shapes;
  for (const Network& network : kNetworks)
    for (std::int64_t images : {64, 128, 256}) {
      add(shapes, convolution(images, network.image_channels, network.size, 16, 3, 1), true);
      std::int64_t channels = 16, size = network.size;
      for (std::int64_t stage = 0; stage < network.stages; ++stage) {
        const std::int64_t out = 16 * network.width << stage, stride = stage == 0 ? 1 : 2;
        add(shapes, convolution(images, channels, size, out, 3, 1));  // the first block's conv1,
        add(shapes, convolution(images, out, size, out, 3, stride));  // conv2
        if (stride != 1 || channels != out) add(shapes, convolution(images, channels, size, out, 1, stride));
        size = (size - 1) / stride + 1;
        add(shapes, convolution(images, out, size, out, 3, 1));  // the other blocks'
        channels = out;
      }
    }
  return shapes;
}

std::vector<Convolution> uses(const Shape& shape, Element element) {
  Params with_residual = shape.params;
  with_residual.accumulate = true;
  std::vector<Convolution> out{{shape.params, Direction::forward, element, false},
                               {shape.params, Direction::forward, element, true},
                               {shape.params, Direction::backward_data, element, false},
                               {shape.params, Direction::backward_weights, element, false}};
  if (!shape.stem) out.push_back({with_residual, Direction::forward, element, true});
  return out;
}

struct Summary {
  std::size_t plans = 0, failures = 0, stems_without = 0, largest_workspace = 0;
  std::string largest;
  std::map<std::string, std::size_t> by_kind;  // kind_of() -> plans
};

// Only engines written for Hopper have knobs for thread-block clusters.
bool has_clusters(const std::string& description) {
  return description.find("TILE_CGA") != std::string::npos;
}

std::string kind_of(const Convolution& convolution, bool stem, const std::string& description) {
  std::string kind = convolution.element == Element::bf16 ? "bf16 " : "tf32 ";
  kind.append(stem ? "stem" : name_of(convolution.direction))
      .append(convolution.epilogue ? " with bias" : "");
  return kind.append(has_clusters(description) ? ", engine with clusters" : ", engine without");
}

void probe(const Target& target, const Convolution& convolution, bool stem, Summary& summary) {
  BuiltPlan built, again;
  std::size_t considered = 0;
  Status status = build_first(target, convolution, built, considered);
  if (status.ok()) status = from_json(target, built.json, again);
  if (status.ok() && again.workspace_bytes != built.workspace_bytes)
    status = Status("the plan made again wants another workspace");
  const std::string name = kernels::cudnn::name_of(convolution);
  if (!status.ok()) {
    (stem ? summary.stems_without : summary.failures) += 1;
    std::printf("%s | %s | %zu candidates\n", name.c_str(), status.error().c_str(), considered);
    return;
  }
  const std::string description = describe(built);
  std::printf("%s | %s | workspace %zu | %zu candidates\n", name.c_str(), description.c_str(),
              built.workspace_bytes, considered);
  summary.plans += 1;
  summary.by_kind[kind_of(convolution, stem, description)] += 1;
  if (built.workspace_bytes <= summary.largest_workspace) return;
  summary.largest_workspace = built.workspace_bytes;
  summary.largest = name;
}

int run(const std::string& device) {
  const Descriptor properties = described_device(device);
  if (!properties.status().ok()) {
    std::printf("skipped: cuDNN %zu takes no device descriptions: %s\n", cudnnGetVersion(),
                properties.status().error().c_str());
    return 77;
  }
  Summary summary;
  for (const Shape& shape : distinct_shapes())
    for (Element element : {Element::bf16, Element::tf32})
      for (const Convolution& use : uses(shape, element))
        probe({nullptr, &properties}, use, shape.stem, summary);
  std::printf(
      "\n%s as described, cuDNN %zu: %zu plans, %zu convolutions without, %zu uses of stems without\n",
      device.c_str(), cudnnGetVersion(), summary.plans, summary.failures, summary.stems_without);
  for (const auto& [kind, count] : summary.by_kind) std::printf("  %s: %zu\n", kind.c_str(), count);
  std::printf("  largest workspace: %zu bytes, %s\n", summary.largest_workspace, summary.largest.c_str());
  return summary.failures == 0 ? 0 : 1;
}

}  // namespace
}  // namespace mebm::test

int main(int count, char** arguments) {
  const std::string device = count == 2 ? arguments[1] : "";
  if (device != "H100" && device != "H200") {
    std::fprintf(stderr, "usage: plans_probe H100|H200\n");
    return 2;
  }
  return mebm::test::run(device);
}
