// evaluate: how well log p(x), max p(y|x) and the gradient's norm tell the judged set from others.

#include <algorithm>
#include <cmath>
#include <functional>

#include "data/streams.h"
#include "ebm/langevin_sampler.h"
#include "engine/core/error.h"
#include "engine/ops/elementwise.h"
#include "metrics/calibration.h"
#include "tools/count_progress.h"
#include "tools/evaluate.h"

namespace mebm::tools {

using engine::Tensor;

namespace {

constexpr const char* kInterpolated = "interpolated";

struct ImageScores {
  std::vector<double> log_density, max_probability, gradient_norm;
};

void score_batch(EvaluateJob& job, const Tensor& images, ImageScores& scores) {
  const std::int64_t rows = images.extent(0);
  const auto pass = models::Pass::single(rows, false);
  Tensor energies;
  const Tensor gradient = ebm::energy_gradient(job.runtime.tape, *job.model.network, images,
                                               job.model.energy(std::nullopt), {}, pass, &energies);
  for (const double energy : engine::ops::host_values(energies)) scores.log_density.push_back(-energy);
  const std::vector<double> slopes = engine::ops::host_values(gradient);
  const std::size_t size = slopes.size() / static_cast<std::size_t>(rows);
  for (std::size_t r = 0; r < static_cast<std::size_t>(rows); ++r) {
    double sum = 0;
    for (std::size_t i = r * size; i < (r + 1) * size; ++i) sum += slopes[i] * slopes[i];
    scores.gradient_norm.push_back(-std::sqrt(sum));
  }
  const auto classes = static_cast<std::size_t>(job.model.network_config().num_classes);
  if (classes == 0) return;
  const autograd::NoRecording no_recording(job.runtime.tape);
  const autograd::Variable features =
      job.model.network->features(job.runtime.tape, autograd::Variable{images}, pass);
  const std::vector<double> logits =
      engine::ops::host_values(job.model.network->logits(job.runtime.tape, features).value);
  for (std::size_t r = 0; r < static_cast<std::size_t>(rows); ++r) {
    scores.max_probability.push_back(
        metrics::predict(std::span(logits).subspan(r * classes, classes)).probability);
  }
}

// `batch` gives images first ... first + n - 1.
ImageScores score(EvaluateJob& job, const std::string& what, std::int64_t count,
                  const std::function<Tensor(std::int64_t, std::int64_t)>& batch) {
  ImageScores scores;
  CountProgress progress("images (" + what + ")", count);
  for (std::int64_t first = 0; first < count; first += job.options.batch_size) {
    const std::int64_t n = std::min(job.options.batch_size, count - first);
    score_batch(job, batch(first, n), scores);
    progress.update(first + n);
  }
  return scores;
}

// Means of neighbours in a keyed permutation: image i is (x_p(i) + x_p(i+1)) / 2.
Tensor interpolated(EvaluateJob& job, const std::vector<std::int64_t>& order, std::int64_t first,
                    std::int64_t n) {
  std::vector<std::int64_t> left, right;
  for (std::int64_t i = first; i < first + n; ++i) {
    left.push_back(order[static_cast<std::size_t>(i)]);
    right.push_back(order[static_cast<std::size_t>(i + 1) % order.size()]);
  }
  engine::Context& context = job.runtime.context;
  const data::ImageSet& set = job.images.set();
  Tensor mean = data::load_images(context, set, left, job.runtime.dtype);
  engine::ops::axpby(context, 0.5, data::load_images(context, set, right, job.runtime.dtype), 0.5, mean);
  return mean;
}

void compare(EvaluateJob& job, const ImageScores& in, const ImageScores& out, const std::string& name) {
  const auto add = [&](const char* score, const std::vector<double>& a, const std::vector<double>& b) {
    if (!a.empty())
      job.evaluation.separations.push_back(
          {score, name, static_cast<std::int64_t>(b.size()), metrics::separation(a, b)});
  };
  add("log_density", in.log_density, out.log_density);
  add("max_probability", in.max_probability, out.max_probability);
  add("gradient_norm", in.gradient_norm, out.gradient_norm);
}

}  // namespace

Separator::Separator(EvaluateJob& job) : job_(job) {
  if (job.model.energy(std::nullopt) == models::EnergyKind::class_logit)
    engine::fail_input(
        "{}: its energy is that of a class, so log p(x) has no value without one; --metrics ood needs energy "
        "head or logsumexp",
        job.model.reader.path().string());
  for (const std::string& path : job.options.ood) {
    ImageSource source;
    source.option = "--ood";
    source.path = path;
    source.split = data::Split::test;
    out_.emplace_back(source, job.model.network_config());
  }
  if (job.images.count() < 2)
    engine::fail_input("--data {}: holds 1 image; interpolated images need two", job.options.data.path);
}

void Separator::evaluate() {
  Runtime& runtime = job_.runtime;
  const ImageScores in = score(job_, "in", job_.images.count(), [&](std::int64_t first, std::int64_t n) {
    return job_.images.rows(runtime, first, n);
  });
  for (std::size_t k = 0; k < out_.size(); ++k)
    compare(job_, in,
            score(job_, job_.options.ood[k], out_[k].count(),
                  [&](std::int64_t first, std::int64_t n) { return out_[k].rows(runtime, first, n); }),
            job_.options.ood[k]);
  const std::vector<std::int64_t> order =
      data::keyed_permutation(job_.images.count(), runtime.key, engine::RandomPurpose::shuffle_positives, 0);
  compare(job_, in,
          score(job_, kInterpolated, job_.images.count(),
                [&](std::int64_t first, std::int64_t n) { return interpolated(job_, order, first, n); }),
          kInterpolated);
}

}  // namespace mebm::tools
