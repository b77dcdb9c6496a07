#include "metrics/recalibration.h"

#include <cstdio>
#include <exception>
#include <vector>

#include "engine/core/error.h"
#include "engine/ops/elementwise.h"

namespace mebm::metrics {

namespace {

void set_values(const std::vector<double>& values, engine::Tensor& tensor) {
  engine::ops::write(values, tensor);
  tensor.bump_version();
}

}  // namespace

KeepStatistics::KeepStatistics(models::WideResNet& model) : model_(model) {
  for (const models::NamedBuffer& buffer : model.buffers())
    if (buffer.tensor != nullptr)
      values_.push_back(engine::ops::host_values(*buffer.tensor));
    else
      counters_.push_back(*buffer.counter);
}

KeepStatistics::~KeepStatistics() {
  try {
    std::size_t tensor = 0, counter = 0;
    for (const models::NamedBuffer& buffer : model_.buffers())
      if (buffer.tensor != nullptr)
        set_values(values_[tensor++], *buffer.tensor);
      else
        *buffer.counter = counters_[counter++];
  } catch (const std::exception& error) {
    std::fprintf(stderr, "running statistics are not put back: %s\n", error.what());
  }
}

void recalibrate(autograd::Tape& tape, models::WideResNet& model, const data::ImageSet& images,
                 std::span<const std::int64_t> indices, std::int64_t batch_size,
                 const std::function<void(std::int64_t)>& progress) {
  const std::int64_t batches = static_cast<std::int64_t>(indices.size()) / batch_size;
  const std::vector<models::NamedBuffer> buffers = model.buffers();
  engine::require(batches >= 1, "{} images make no batch of {}", indices.size(), batch_size);
  engine::require(!buffers.empty(), "a network without normalisation has no statistics");
  const autograd::NoRecording no_recording(tape);
  model.reserve_statistics(1);
  // Folding into zeros leaves momentum times the batch's statistics.
  std::vector<std::vector<double>> sums;
  for (const models::NamedBuffer& buffer : buffers)
    if (buffer.tensor != nullptr) sums.emplace_back(static_cast<std::size_t>(buffer.tensor->elements()));
  const double scale = 1 / (model.config().norm_momentum * static_cast<double>(batches));
  for (std::int64_t b = 0; b < batches; ++b) {
    for (const models::NamedBuffer& buffer : buffers)
      if (buffer.tensor != nullptr) engine::ops::fill(tape.context(), 0, *buffer.tensor);
    const auto batch =
        indices.subspan(static_cast<std::size_t>(b * batch_size), static_cast<std::size_t>(batch_size));
    const autograd::Variable x{data::load_images(tape.context(), images, batch, model.dtype())};
    model.features(tape, x, models::Pass::single(batch_size, true, 0));
    model.fold_statistics(1);
    std::size_t k = 0;
    for (const models::NamedBuffer& buffer : buffers) {
      if (buffer.tensor == nullptr) continue;
      const std::vector<double> values = engine::ops::host_values(*buffer.tensor);
      for (std::size_t i = 0; i < values.size(); ++i) sums[k][i] += scale * values[i];
      ++k;
    }
    if (progress) progress((b + 1) * batch_size);
  }
  std::size_t k = 0;
  for (const models::NamedBuffer& buffer : buffers)
    if (buffer.tensor != nullptr) set_values(sums[k++], *buffer.tensor);
}

}  // namespace mebm::metrics
