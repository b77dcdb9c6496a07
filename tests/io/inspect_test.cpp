#include "engine/io/inspect.h"

#include <cmath>

#include "tests/io/test_files.h"

namespace mebm::engine {
namespace {

using ::testing::HasSubstr;
using testing::input_error;
using testing::read_bytes;
using testing::write_bytes;

class Inspect : public testing::TestDirectory {
 protected:
  std::filesystem::path checkpoint() {
    const std::vector<float> weights{1, -2, NAN, INFINITY, 4, 0};
    const std::vector<double> bias{0.5, 0.25};
    const std::int64_t batches = 390;
    Hdf5Writer writer;
    writer.set_attribute("/", "format", "mebm-checkpoint");
    writer.set_attribute("/", "version", 1);
    writer.set_attribute("/", "engine_version", "0.1.0");
    writer.set_attribute("/", "iteration", 1170);
    writer.set_attribute("/", "epoch", 3);
    writer.set_attribute("/", "note", "mine");
    writer.set_attribute("/model", "architecture", "wide_resnet");
    writer.set_attribute("/model", "depth", 10);
    writer.set_attribute("/model", "leak", 0.2);
    writer.write("/model/parameters/w", {2, 3}, weights.data());
    writer.write("/model/parameters/b", {2}, bias.data());
    writer.write("/model/buffers/n", {}, &batches);
    writer.write<float>("/replay_buffer/images", {0, 1, 2, 2}, nullptr);
    write_file(at("a.h5"), writer);
    return at("a.h5");
  }
};

TEST_F(Inspect, SummarizesACheckpoint) {
  const FileSummary summary = inspect_file(checkpoint());
  EXPECT_EQ(summary.check.state, FileState::intact);
  EXPECT_EQ(summary.check.file_bytes, std::filesystem::file_size(at("a.h5")));
  EXPECT_EQ(summary.format, "mebm-checkpoint");
  EXPECT_EQ(summary.version, 1);
  EXPECT_EQ(summary.engine_version, "0.1.0");
  EXPECT_EQ(summary.iteration, 1170);
  EXPECT_EQ(summary.epoch, 3);
  EXPECT_EQ(summary.created, std::nullopt);
  ASSERT_EQ(summary.attributes.size(), 1u);
  EXPECT_EQ(std::get<std::string>(summary.attributes.at("note")), "mine");
  EXPECT_EQ(std::get<std::int64_t>(summary.model_attributes.at("depth")), 10);
  EXPECT_EQ(std::get<double>(summary.model_attributes.at("leak")), 0.2);
  EXPECT_EQ(summary.parameters, 8);
  EXPECT_EQ(summary.tensor_bytes, 6u * 4 + 2 * 8 + 8);
  EXPECT_EQ(summary.non_finite, 2);
  ASSERT_EQ(summary.tensors.size(), 4u);
  EXPECT_EQ(summary.tensors[0].path, "/model/buffers/n");
  EXPECT_EQ(summary.tensors[0].mean, 390.0);
  const TensorSummary& weights = summary.tensors[2];
  EXPECT_EQ(weights.path, "/model/parameters/w");
  EXPECT_EQ(weights.type, Hdf5Type::f32);
  EXPECT_EQ(weights.shape, (Hdf5Shape{2, 3}));
  EXPECT_EQ(weights.non_finite, 2);
  EXPECT_EQ(weights.minimum, -2.0);
  EXPECT_EQ(weights.maximum, 4.0);
  EXPECT_EQ(weights.mean, 0.75);
  EXPECT_EQ(summary.tensors[3].elements, 0);
  EXPECT_EQ(summary.tensors[3].mean, std::nullopt);
}

TEST_F(Inspect, ForeignFileWithCyclesAndUnreadableTypes) {
  const FileSummary summary = inspect_file(MEBM_SOURCE_DIR "/tests/io/fixtures/datasets.h5");
  EXPECT_EQ(summary.check.state, FileState::foreign);
  EXPECT_EQ(summary.format, "");
  EXPECT_TRUE(summary.model_attributes.empty());
  int leaves = 0;
  for (const TensorSummary& tensor : summary.tensors) {
    if (tensor.path.ends_with("leaf")) ++leaves;
    if (tensor.path == "/uint64_big_endian") {
      EXPECT_EQ(tensor.mean, 11.5);
    }
    if (tensor.path == "/text") {
      EXPECT_EQ(tensor.type, Hdf5Type::other);
    }
  }
  EXPECT_EQ(leaves, 1);
}

TEST_F(Inspect, DamageIsReportedNotThrown) {
  auto bytes = read_bytes(checkpoint());
  bytes[bytes.size() / 2] ^= std::byte{1};
  write_bytes(at("b.h5"), bytes);
  const FileSummary summary = inspect_file(at("b.h5"));
  EXPECT_EQ(summary.check.state, FileState::mismatch);
  EXPECT_THAT(summary.check.problem, HasSubstr("SHA-256"));
  EXPECT_TRUE(summary.tensors.empty());
  EXPECT_THAT(input_error([&] { inspect_file(at("none.h5")); }), HasSubstr("none.h5"));
}

}  // namespace
}  // namespace mebm::engine
