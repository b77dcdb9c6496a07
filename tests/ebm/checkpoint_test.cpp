// Checkpoints: an exact resume, files made elsewhere, what --weights takes.

#include <fstream>

#include "engine/io/checkpoint_file.h"
#include "tests/ebm/trainer_fixture.h"

namespace mebm::ebm {
namespace {

using engine::DType;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

class CheckpointTest : public TrainerTest {
 protected:
  CheckpointTest() {
    std::string name = (std::filesystem::temp_directory_path() / "mebm-checkpoint-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    directory_ = name;
  }
  ~CheckpointTest() override {
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }

  std::string write(Trainer& trainer, const std::string& name = "c.h5") const {
    const std::string path = directory_ / name;
    write_checkpoint(path, trainer.checkpoint_contents("[run]\nseed = 5\n"));
    return path;
  }

  // The model alone, as another program would write it: no user block, no optional attribute.
  std::string write_by_hand(Trainer& trainer, const std::string& spoiled = "") const {
    engine::Hdf5Writer writer;
    writer.set_attribute("/", "format", "mebm-checkpoint");
    writer.set_attribute("/", "version", 1);
    writer.make_group("/model");
    writer.set_attribute("/model", "architecture", "wide_resnet");
    for (const auto& [name, value] : std::map<std::string, int>{{"depth", 10},
                                                                {"width", 1},
                                                                {"stages", 3},
                                                                {"num_classes", 4},
                                                                {"in_channels", 3},
                                                                {"image_size", 8}})
      writer.set_attribute("/model", name, value);
    writer.set_attribute("/model", "norm", "batch");
    writer.set_attribute("/model", "energy", "head");
    writer.set_attribute("/model", "leak", 0.2);
    for (const autograd::Parameter* p : trainer.model().parameters()) {
      engine::Hdf5Shape shape;
      for (int i = 0; i < p->value.shape().rank(); ++i) shape.push_back(p->value.shape()[i]);
      Values values = values_of(p->value);
      if (p->name == spoiled) values[1] = std::nan("");
      writer.write("/model/parameters/" + p->name, shape, values.data());
    }
    for (const models::NamedBuffer& buffer : trainer.model().buffers())
      if (buffer.tensor != nullptr)
        writer.write("/model/buffers/" + buffer.name, {buffer.tensor->elements()},
                     values_of(*buffer.tensor).data());
    const std::vector<std::byte> image = writer.finish();
    const std::string path = directory_ / ("hand" + spoiled + ".h5");
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(image.data()), static_cast<std::streamsize>(image.size()));
    return path;
  }

  std::filesystem::path directory_;
};

TEST_F(CheckpointTest, AResumedRunContinuesToTheSameBits) {
  for (const std::string precision : {"fp32", "fp64"}) {
    SCOPED_TRACE(precision);
    const DType dtype = precision == "fp64" ? DType::fp64 : DType::fp32;
    Config config = tiny();
    config.run.precision = precision;
    config.optimizer.warmup_iterations = 3;
    const auto whole = make(config, gaussian(dtype)), first = make(config, gaussian(dtype));
    whole->start_fresh();
    first->start_fresh();
    run(*whole, 5);
    run(*first, 2);
    const CheckpointReader reader(write(*first));
    EXPECT_EQ(reader.iteration(), 2);
    EXPECT_EQ(reader.epoch(), 1);
    EXPECT_EQ(reader.model().fp64, dtype == DType::fp64);
    EXPECT_EQ(reader.config_toml(), "[run]\nseed = 5\n");
    ASSERT_TRUE(reader.environment().has_value());
    EXPECT_EQ(*reader.environment(), first->checkpoint_contents("").environment);
    // A model drawn from another seed, so that everything has to come from the file.
    config.run.seed = 5;
    const auto second = make(config, reader.initial_distribution(context_, dtype));
    second->resume(reader);
    EXPECT_EQ(state(*second), state(*first));
    EXPECT_EQ(second->iteration(), 2);
    run(*second, 3);
    EXPECT_EQ(state(*second), state(*whole));
  }
}

TEST_F(CheckpointTest, AResumedRunForgetsWhatItsTrainerHeldBefore) {
  const auto first = start(tiny());
  run(*first, 2);
  const CheckpointReader reader(write(*first));
  Config config = tiny();
  config.run.seed = 77;
  const auto second = start(config);
  run(*second, 1);
  second->resume(reader);
  EXPECT_EQ(state(*second), state(*first));
}

TEST_F(CheckpointTest, TheClassifiersFileHoldsNeitherBufferNorInitialDistribution) {
  Config config = tiny();
  config.objective.energy_weight = 0;
  const auto trainer = start(config);
  run(*trainer, 1);
  const CheckpointReader reader(write(*trainer));
  EXPECT_FALSE(reader.has_buffer());
  EXPECT_FALSE(reader.has_initial_distribution());
  const auto again = start(config);
  again->resume(reader);
  EXPECT_EQ(state(*again), state(*trainer));
}

TEST_F(CheckpointTest, WeightsComeWithABufferOfTheSameSizeOnly) {
  const auto source = start(tiny());
  run(*source, 3);
  const CheckpointReader reader(write(*source));
  Config config = tiny();
  config.run.seed = 9;
  const auto same = start(config);
  same->start_from_weights(reader);
  EXPECT_EQ(parameters(*same), parameters(*source));
  EXPECT_EQ(values_of(same->buffer()->images()), values_of(source->buffer()->images()));
  EXPECT_EQ(same->buffer()->ages(), source->buffer()->ages());
  EXPECT_EQ(same->iteration(), 0);
  for (const auto& [name, values] : state(*same))
    if (name.starts_with("momentum ")) {
      EXPECT_EQ(values, Values(values.size(), 0.0)) << name;
    }
  config.buffer.size = 12;
  const auto fresh = start(config), other = start(config);
  other->start_from_weights(reader);
  EXPECT_EQ(parameters(*other), parameters(*source));
  EXPECT_EQ(values_of(other->buffer()->images()), values_of(fresh->buffer()->images()));
}

TEST_F(CheckpointTest, AWeightsOnlyFileWithoutUserBlockIsAccepted) {
  const auto source = start(tiny());
  run(*source, 1);
  const CheckpointReader reader(write_by_hand(*source));
  EXPECT_EQ(reader.iteration(), 0);
  EXPECT_FALSE(reader.has_buffer());
  EXPECT_FALSE(reader.environment().has_value());
  EXPECT_EQ(reader.model().network, source->model().config());
  const auto other = start(tiny());
  other->start_from_weights(reader);
  EXPECT_EQ(parameters(*other), parameters(*source));
  EXPECT_EQ(state(*other)["f.bn1.running_var"], state(*source)["f.bn1.running_var"]);
  EXPECT_NO_THROW(other->step());
  EXPECT_THAT([&] { other->resume(reader); }, ThrowsMessage<engine::InputError>(HasSubstr("/optimizer")));
}

TEST_F(CheckpointTest, WeightsThatAreNotFiniteAreRefused) {
  const auto source = start(tiny());
  const CheckpointReader reader(write_by_hand(*source, "energy_output.weight"));
  EXPECT_THAT([&] { source->start_from_weights(reader); },
              ThrowsMessage<engine::InputError>(
                  HasSubstr("/model/parameters/energy_output.weight holds nan at element 1")));
}

TEST_F(CheckpointTest, TheSameStateGivesTheSameBytes) {
  const auto trainer = start(tiny());
  run(*trainer, 1);
  const auto slurp = [](const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(in), {});
  };
  EXPECT_EQ(slurp(write(*trainer, "a.h5")), slurp(write(*trainer, "b.h5")));
}

}  // namespace
}  // namespace mebm::ebm
