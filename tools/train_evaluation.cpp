#include "tools/train_evaluation.h"

#include <algorithm>

#include "ebm/chain_batches.h"
#include "engine/core/error.h"
#include "metrics/classification.h"
#include "metrics/distribution_distance.h"
#include "tools/image_bytes.h"

namespace mebm::tools {

TrainingEvaluation::TrainingEvaluation(engine::Context& context, const TrainJob& job,
                                       std::span<const std::int64_t> validation)
    : context_(context),
      job_(job),
      validation_(validation),
      classifies_(!validation.empty() && job.config.objective.classifier_weight != 0) {
  if (job.config.run.evaluate_samples > 0)
    reference_ = ebm::reference_classifier(job.config.data.set, context.device(), job.threads);
}

bool TrainingEvaluation::due(std::int64_t done) const {
  const ebm::RunConfig& run = job_.config.run;
  const std::int64_t every = std::int64_t{run.evaluate_every} * run.iterations_per_epoch;
  return every > 0 && done % every == 0 && (classifies_ || reference_.extractor);
}

std::string TrainingEvaluation::protocol() const {
  if (!reference_.extractor) return "";
  const ebm::Config& c = job_.config;
  return fmt::format(
      "fd_ref: {} chains of {} steps from {} (step size {:g}, noise {:g}, gradient clamp {:g}, {} "
      "statistics, "
      "seed {}, the same noise every time); fd_ref_buffer: as many chains of the buffer, evenly spaced, or "
      "all; "
      "nearest bytes; {}",
      c.run.evaluate_samples, c.sampler.steps, c.init.kind == "uniform" ? "U(-1, 1)" : "p0",
      c.sampler.step_size, c.sampler.noise, c.sampler.gradient_clamp, c.sampler.batch_norm, c.run.seed,
      reference_.training.protocol);
}

double TrainingEvaluation::distance(const std::vector<std::uint8_t>& pixels, std::int64_t count) {
  const data::ImageSet& set = job_.images;
  metrics::StatisticsAccumulator accumulator(reference_.extractor->dimensions());
  accumulator.add(reference_.extractor->extract({pixels, count, set.channels, set.height, set.width}));
  return metrics::frechet_distance(accumulator.finish(), reference_.training);
}

double TrainingEvaluation::fresh_chains(ebm::Trainer& trainer) {
  autograd::Tape tape(context_);
  ebm::ChainPlan plan;
  plan.sampler = trainer.langevin_options();
  plan.key = engine::PhiloxKey(job_.config.run.seed);
  plan.noise = engine::RandomPurpose::evaluation_noise;
  plan.count = job_.config.run.evaluate_samples;
  std::vector<std::uint8_t> pixels;
  ebm::ChainHooks hooks;
  hooks.starts = [&](std::int64_t first, std::int64_t rows) {
    return ebm::draw_starts(context_, *trainer.initial(), plan.key, first, rows, trainer.model().dtype());
  };
  hooks.finished = [&](const ebm::ChainPart& part, const engine::Tensor&) {
    append_bytes(part.chains, part.kept, Rounding::nearest, pixels);
  };
  ebm::run_chains(tape, trainer.model(), plan, hooks);
  return distance(pixels, plan.count);
}

double TrainingEvaluation::buffer(ebm::Trainer& trainer) {
  const engine::Tensor& images = trainer.buffer()->images();
  const std::int64_t count = std::min<std::int64_t>(job_.config.run.evaluate_samples, images.extent(0));
  std::vector<std::uint8_t> pixels;
  for (std::int64_t i = 0; i < count; ++i)
    append_bytes(images.rows(i * images.extent(0) / count, 1), 1, Rounding::nearest, pixels);
  return distance(pixels, count);
}

EvaluationFigures TrainingEvaluation::evaluate(ebm::Trainer& trainer) {
  EvaluationFigures figures;
  if (classifies_) {
    autograd::Tape tape(context_);
    figures.validation_accuracy =
        metrics::classify(tape, trainer.model(), job_.images, validation_, {.dtype = trainer.model().dtype()})
            .accuracy;
  }
  if (reference_.extractor) {
    figures.fd_ref = fresh_chains(trainer);
    if (trainer.buffer()->images().extent(0) > 1) figures.fd_ref_buffer = buffer(trainer);
  }
  return figures;
}

std::string describe(const EvaluationFigures& figures, std::int64_t done, double seconds) {
  std::string text = fmt::format("after {} iterations:", done);
  if (figures.validation_accuracy)
    text += fmt::format(" validation accuracy {:.4f}", *figures.validation_accuracy);
  if (figures.fd_ref) text += fmt::format(" FD-ref of fresh chains {:.4g}", *figures.fd_ref);
  if (figures.fd_ref_buffer) text += fmt::format(", of the buffer {:.4g}", *figures.fd_ref_buffer);
  return text + fmt::format(" ({:.1f} s)", seconds);
}

}  // namespace mebm::tools
