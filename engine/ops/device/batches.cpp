#include "engine/ops/batches.h"

#include "engine/ops/device/dispatch.h"
#include "engine/ops/sampling.h"
#include "kernels/chain_exchange/chain_exchange.h"
#include "kernels/image_batch/image_batch.h"
#include "kernels/random_normal/random_normal.h"

namespace mebm::engine::ops {
namespace {

namespace image_batch = kernels::image_batch::device;
namespace chain_exchange = kernels::chain_exchange::device;

static_assert(sizeof(ImageRow) == sizeof(image_batch::Row) && sizeof(ImageRow) == 2 * sizeof(int));
static_assert(sizeof(ChainSource) == sizeof(chain_exchange::Chain) && sizeof(ChainSource) == 2 * sizeof(int));

const std::uint32_t* cell_of(const Scalar<std::uint32_t>& scalar) {
  return scalar.cell != nullptr ? reinterpret_cast<const std::uint32_t*>(scalar.cell->as<int>()) : nullptr;
}

// [count, 2] of int32 as what it stands for.
template <typename T>
const T* entries(const Tensor& table, std::int64_t count, const char* op) {
  require(table.elements() == 2 * count, "{}: a table of {} for {} rows", op, table.shape(), count);
  return reinterpret_cast<const T*>(table.as<int>());
}

}  // namespace

void load_images(Context& context, const Tensor& set, const Tensor& rows, const ImageDecoding& decoding,
                 Tensor& out) {
  require(set.shape().with_rows(out.extent(0)) == out.shape(), "load_images: images {} do not fit a batch {}",
          set.shape(), out.shape());
  image_batch::Params p;
  p.rows = out.extent(0);
  p.channels = out.extent(1);
  p.height = out.extent(2);
  p.width = out.extent(3);
  p.count = set.extent(0);
  p.padding = decoding.padding;
  p.divisor = decoding.divisor;
  p.shift = decoding.shift;
  p.noise = decoding.noise;
  p.key = decoding.key;
  p.first_slot = decoding.first_slot;
  p.iteration_cell = cell_of(decoding.iteration);
  const auto* table = entries<image_batch::Row>(rows, p.rows, "load_images");
  out.bump_version();
  device::dispatch_real(out.dtype(), "load_images", [&]<typename T>() {
    const kernels::DeviceExec& exec = context.accelerator().exec();
    check(set.dtype() == DType::uint8 ? image_batch::load(exec, p, set.as<std::uint8_t>(), table, out.as<T>())
                                      : image_batch::load(exec, p, set.as<float>(), table, out.as<T>()));
  });
}

void draw_chains(Context& context, const Tensor& sources, const Tensor& buffer, const Tensor& fresh,
                 Tensor& out) {
  const std::int64_t count = out.extent(0), elements = out.elements() / count;
  const auto* table = entries<chain_exchange::Chain>(sources, count, "draw_chains");
  out.bump_version();
  device::dispatch_real(out.dtype(), "draw_chains", [&]<typename T>() {
    check(chain_exchange::draw(context.accelerator().exec(), count, elements, 0, table, buffer.extent(0),
                               buffer.as<T>(), fresh.as<T>(), out.as<T>()));
  });
}

void write_back_chains(Context& context, const Tensor& sources, const Tensor& states, Tensor& buffer) {
  const std::int64_t count = states.extent(0), elements = states.elements() / count;
  const auto* table = entries<chain_exchange::Chain>(sources, count, "write_back_chains");
  buffer.bump_version();
  device::dispatch_real(states.dtype(), "write_back_chains", [&]<typename T>() {
    check(chain_exchange::write_back(context.accelerator().exec(), count, elements, 0, table,
                                     buffer.extent(0), states.as<T>(), buffer.as<T>(), nullptr));
  });
}

void fill_uniform(Context& context, PhiloxKey key, RandomPurpose purpose,
                  const Scalar<std::uint32_t>& iteration, std::uint32_t first_slot, Tensor& out) {
  const kernels::random_normal::Params p = random_params(key, purpose, iteration, 0, first_slot, out);
  out.bump_version();
  device::dispatch_real(out.dtype(), "fill_uniform", [&]<typename T>() {
    check(kernels::random_normal::device::fill_uniform(context.accelerator().exec(), p, cell_of(iteration),
                                                       out.as<T>()));
  });
}

}  // namespace mebm::engine::ops
