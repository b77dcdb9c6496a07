// The engine's device side in a build without a device backend: a device is refused when it is asked for, so
// none of the rest is ever reached.

#include "engine/device/accelerator.h"
#include "engine/device/device.h"
#include "engine/ops/batches.h"
#include "engine/ops/device/ops.h"
#include "engine/ops/peers.h"

namespace mebm::engine {
namespace {

[[noreturn]] void refuse(int index = 0) {
  fail_input(
      "--device cuda:{}: this build has no CUDA backend; configure the preset cuda, or use --device cpu",
      index);
}

}  // namespace

bool device_available() {
  return false;
}

std::string device_name(int index) {
  refuse(index);
}

std::uint64_t device_free_memory(int index) {
  refuse(index);
}

struct Accelerator::DeviceMemory {};
struct Accelerator::Staging {};
class Accelerator::PinnedRead {};

Accelerator::Accelerator(int index, const std::string&, bool tf32) : tf32_(tf32) {
  refuse(index);
}
Accelerator::~Accelerator() = default;
Memory& Accelerator::memory() {
  refuse();
}
void Accelerator::synchronize() {
  refuse();
}
const kernels::conv2d::device::Plan& Accelerator::plan(const kernels::conv2d::Params&,
                                                       kernels::conv2d::Direction, DType) {
  refuse();
}
void Accelerator::save_plans() const {
  refuse();
}
void Accelerator::upload(void*, const void*, std::size_t) {
  refuse();
}
std::unique_ptr<HostRead> Accelerator::make_host_read(std::size_t) {
  refuse();
}
const void* Accelerator::table(const void*, std::size_t) {
  refuse();
}
void Accelerator::on_side(const std::function<void()>&) {
  refuse();
}
void Accelerator::join() {
  refuse();
}
void Accelerator::begin_capture() {
  refuse();
}
kernels::runtime::Graph* Accelerator::end_capture() {
  refuse();
}
kernels::runtime::Graph* Accelerator::abandon_capture() noexcept {
  return nullptr;
}
void Accelerator::launch(kernels::runtime::Graph*) {
  refuse();
}
void Accelerator::release(kernels::runtime::Graph*) noexcept {}
std::size_t Accelerator::node_count(const kernels::runtime::Graph*) {
  return 0;
}

namespace ops::device {

using CTensor = const Tensor&;
using Params = kernels::conv2d::Params;

void copy(Context&, CTensor, Tensor&, WriteMode) {
  refuse();
}
void axpby(Context&, double, CTensor, double, Tensor&) {
  refuse();
}
void multiply(Context&, double, CTensor, CTensor, Tensor&, WriteMode) {
  refuse();
}
void fill(Context&, double, Tensor&) {
  refuse();
}
void broadcast(Context&, CTensor, Tensor&) {
  refuse();
}
void sum_into(Context&, CTensor, double, Tensor&, WriteMode) {
  refuse();
}
void sum_of_squares_into(Context&, std::span<const Tensor* const>, Tensor&) {
  refuse();
}
Tensor convolution(Context&, const Params&, CTensor, CTensor, CTensor, CTensor) {
  refuse();
}
void convolution_backward_data(Context&, const Params&, CTensor, CTensor, Tensor&, WriteMode) {
  refuse();
}
bool convolution_backward_langevin(Context&, const Params&, CTensor, CTensor, const LangevinUpdate&,
                                   Tensor&) {
  refuse();
}
void convolution_backward_weights(Context&, const Params&, CTensor, CTensor, Tensor&, WriteMode, Tensor&,
                                  WriteMode) {
  refuse();
}
BatchNormForward batch_norm_leaky_relu(Context&, CTensor, CTensor, CTensor, const RowGroups&, double, double,
                                       const StatisticsSlots&) {
  refuse();
}
BatchNormForward batch_norm_leaky_relu_given(Context&, CTensor, CTensor, CTensor, CTensor, CTensor, double,
                                             double) {
  refuse();
}
void batch_norm_leaky_relu_backward(Context&, CTensor, CTensor, CTensor, const RowGroups&, double, bool,
                                    const BatchNormGradients&) {
  refuse();
}
void fold_statistics(Context&, std::span<const FoldedLayer>, int, double) {
  refuse();
}
Tensor leaky_relu(Context&, CTensor, double) {
  refuse();
}
void leaky_relu_backward(Context&, CTensor, CTensor, double, Tensor&, WriteMode) {
  refuse();
}
Tensor global_average_pool(Context&, CTensor) {
  refuse();
}
void global_average_pool_backward(Context&, CTensor, Tensor&, WriteMode) {
  refuse();
}
Tensor linear(Context&, CTensor, CTensor, CTensor) {
  refuse();
}
void linear_backward_input(Context&, CTensor, CTensor, Tensor&, WriteMode) {
  refuse();
}
void linear_backward_weights(Context&, CTensor, CTensor, Tensor*, WriteMode, Tensor*, WriteMode) {
  refuse();
}
Tensor logsumexp(Context&, CTensor) {
  refuse();
}
void logsumexp_backward(Context&, CTensor, CTensor, Tensor&, WriteMode) {
  refuse();
}
Tensor gather_class(Context&, CTensor, CTensor) {
  refuse();
}
void gather_class_backward(Context&, CTensor, CTensor, Tensor&, WriteMode) {
  refuse();
}
Tensor cross_entropy(Context&, CTensor, CTensor) {
  refuse();
}
void cross_entropy_backward(Context&, CTensor, CTensor, CTensor, Tensor&, WriteMode) {
  refuse();
}
void langevin_step(Context&, const kernels::langevin_step::Params&, CTensor, Tensor&) {
  refuse();
}
void fill_normal(Context&, const kernels::random_normal::Params&, const Tensor*, Tensor&) {
  refuse();
}
void add_moment_bytes(Context&, std::span<const std::uint8_t>, Tensor&) {
  refuse();
}
void add_moment_values(Context&, std::span<const double>, Tensor&) {
  refuse();
}
std::int64_t cholesky(Context&, std::int64_t, std::span<double>) {
  refuse();
}
void gaussian_draw(Context&, CTensor, CTensor, CTensor, double, Tensor&) {
  refuse();
}
void sgd_step(Context&, const Scalar<double>&, double, double, std::span<const SgdTensors>) {
  refuse();
}

}  // namespace ops::device

namespace ops {

void load_images(Context&, const Tensor&, const Tensor&, const ImageDecoding&, Tensor&) {
  refuse();
}
void draw_chains(Context&, const Tensor&, const Tensor&, const Tensor&, Tensor&) {
  refuse();
}
void write_back_chains(Context&, const Tensor&, const Tensor&, Tensor&) {
  refuse();
}
void fill_uniform(Context&, PhiloxKey, RandomPurpose, const Scalar<std::uint32_t>&, std::uint32_t, Tensor&) {
  refuse();
}
bool has_curand() {
  return false;
}
void curand_philox(Context&, const Tensor&, Tensor&, Tensor&) {
  refuse();
}
void curand_normal(Context&, std::uint64_t, Tensor&) {
  refuse();
}

}  // namespace ops
}  // namespace mebm::engine
