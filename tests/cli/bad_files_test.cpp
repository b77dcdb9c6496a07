// Files that cannot be used: exit status 2, one line that names them, nothing written.
#include <cmath>
#include <fstream>
#include <functional>

#include "tests/cli/cli_test_util.h"

namespace mebm::testing {

using engine::Hdf5Shape;
using engine::Hdf5Writer;

namespace {

class BadFilesTest : public CliTest {
 protected:
  void expect_model_refused(const std::string& name, const std::string& message) {
    expect_bad_input({"sample", "--checkpoint", at(name), "--count", "1", "--init", "uniform", "--out",
                      at("out.h5"), "--threads", "1"},
                     message);
    expect_bad_input(
        {"score", "--checkpoint", at(name), "--images", at("x.h5"), "--out", at("out.h5"), "--threads", "1"},
        message);
  }
  void expect_images_refused(const std::string& name, const std::string& message) {
    expect_bad_input(
        {"score", "--checkpoint", at("m.h5"), "--images", at(name), "--out", at("out.h5"), "--threads", "1"},
        message);
    expect_bad_input({"sample", "--checkpoint", at("m.h5"), "--init-images", at(name), "--out", at("out.h5"),
                      "--threads", "1"},
                     message);
  }

  // A weights-only file without user block; `change` may alter a parameter before it is written.
  using Change = std::function<void(const std::string& name, Hdf5Shape& shape, std::vector<float>& values)>;
  void write_weights(const std::string& file, std::int64_t width, const Change& change) {
    Hdf5Writer writer;
    writer.set_attribute("/", "format", "mebm-checkpoint");
    writer.set_attribute("/", "version", 1);
    writer.make_group("/model");
    writer.set_attribute("/model", "architecture", "wide_resnet");
    writer.set_attribute("/model", "depth", 10);
    writer.set_attribute("/model", "width", width);
    writer.set_attribute("/model", "stages", 3);
    writer.set_attribute("/model", "norm", "batch");
    writer.set_attribute("/model", "num_classes", 10);
    writer.set_attribute("/model", "in_channels", 3);
    writer.set_attribute("/model", "image_size", kSide);
    writer.set_attribute("/model", "energy", "head");
    writer.set_attribute("/model", "leak", 0.2);
    const auto network = make_network(engine::DType::fp32);
    const auto add = [&](const std::string& group, const std::string& name, const engine::Tensor& tensor) {
      Hdf5Shape shape;
      for (int i = 0; i < tensor.shape().rank(); ++i) shape.push_back(tensor.extent(i));
      std::vector<float> values(tensor.as<float>(), tensor.as<float>() + tensor.elements());
      change(name, shape, values);
      writer.write("/model/" + group + "/" + name, shape, values.data());
    };
    for (const autograd::Parameter* parameter : network->parameters())
      add("parameters", parameter->name, parameter->value);
    for (const models::NamedBuffer& buffer : network->buffers())
      if (buffer.tensor != nullptr) add("buffers", buffer.name, *buffer.tensor);
    const std::vector<std::byte> image = writer.finish();
    std::ofstream stream(at(file), std::ios::binary);
    const auto payload = std::span(image).subspan(engine::kUserBlockSize);
    // Without its user block the file is one that another program wrote.
    stream.write(reinterpret_cast<const char*>(image.data()),
                 static_cast<std::streamsize>(engine::kUserBlockSize));
    stream.write(reinterpret_cast<const char*>(payload.data()), static_cast<std::streamsize>(payload.size()));
  }

  template <typename T>
  void write_array(const std::string& file, const Hdf5Shape& shape, const std::vector<T>& values,
                   const std::vector<std::int64_t>& labels = {}) {
    Hdf5Writer writer;
    writer.write("/images", shape, values.data());
    if (!labels.empty()) writer.write("/labels", {static_cast<std::int64_t>(labels.size())}, labels.data());
    engine::write_file(at(file), writer);
  }
};

TEST_F(BadFilesTest, ForeignWeightsOnlyFilesAreAccepted) {
  write_weights("w.h5", 1, [](auto&&...) {});
  write_images("x.h5", 2);
  expect_success({"score", "--checkpoint", at("w.h5"), "--images", at("x.h5"), "--out", at("foreign.h5"),
                  "--threads", "1"});
  write_model("m.h5");
  expect_success(
      {"score", "--checkpoint", at("m.h5"), "--images", at("x.h5"), "--out", at("own.h5"), "--threads", "1"});
  EXPECT_EQ(read("foreign.h5", "/energy"), read("own.h5", "/energy"));
}

TEST_F(BadFilesTest, CheckpointsThatAreNone) {
  write_images("x.h5", 2);
  expect_model_refused("absent.h5", "absent.h5: cannot be opened");
  std::ofstream(at("text.h5")) << "This is no HDF5 file at all.";
  expect_model_refused("text.h5", "is no HDF5 file");
  std::ofstream(at("empty.h5")).flush();
  expect_model_refused("empty.h5", "is empty");
  expect_model_refused("x.h5", "expected 'mebm-checkpoint'");
  write_model("short.h5");
  std::filesystem::resize_file(at("short.h5"), std::filesystem::file_size(at("short.h5")) / 2);
  expect_model_refused("short.h5", "is truncated");
  write_model("flipped.h5");
  {
    std::fstream file(at("flipped.h5"), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(5000);
    file.put('\x77');
    file.put('\x78');
  }
  expect_model_refused("flipped.h5", "is damaged");
  write_weights("cut.h5", 1, [](auto&&...) {});
  std::filesystem::resize_file(at("cut.h5"), 4000);
  expect_model_refused("cut.h5", "cut.h5");
}

TEST_F(BadFilesTest, CheckpointsWhoseContentsAreWrong) {
  write_images("x.h5", 2);
  write_weights("nan.h5", 1, [](const std::string& name, Hdf5Shape&, std::vector<float>& values) {
    if (name == "f.layer2.0.conv1.weight") values[5] = NAN;
  });
  expect_model_refused("nan.h5", "f.layer2.0.conv1.weight holds nan at element 5");
  write_weights("inf.h5", 1, [](const std::string& name, Hdf5Shape&, std::vector<float>& values) {
    if (name == "f.bn1.running_var") values[0] = HUGE_VALF;
  });
  expect_model_refused("inf.h5", "f.bn1.running_var holds inf");
  write_weights("wide.h5", 1 << 30, [](auto&&...) {});
  expect_model_refused("wide.h5", "width = 1073741824");
  write_weights("other.h5", 2, [](auto&&...) {});
  expect_model_refused("other.h5", "; f.layer1.0.conv1.weight is [16, 16, 3, 3], expected [32, 16, 3, 3]");
  write_weights("shape.h5", 1, [](const std::string& name, Hdf5Shape& shape, std::vector<float>&) {
    if (name == "class_output.weight") shape = {64, 10};
  });
  expect_model_refused("shape.h5", "class_output.weight");
}

TEST_F(BadFilesTest, StartsThatTheCheckpointDoesNotHold) {
  write_model("m.h5");
  const std::vector<std::string> sample{"sample", "--checkpoint", at("m.h5"),  "--count", "1",
                                        "--out",  at("out.h5"),   "--threads", "1"};
  expect_bad_input(sample, "mebm_engine fit-init");
  std::vector<std::string> buffer = sample;
  buffer.insert(buffer.end(), {"--init", "buffer"});
  expect_bad_input(buffer, "no replay buffer");
  std::vector<std::string> other = sample;
  other.insert(other.end(), {"--initial-distribution", at("m.h5")});
  expect_bad_input(other, "fit-init");
}

TEST_F(BadFilesTest, ImagesThatCannotBeUsed) {
  write_model("m.h5");
  constexpr std::int64_t kSize = kPixels;
  std::vector<float> values(2 * kSize, 0.5f);
  write_array("small.h5", {6, 1, kSide, kSide}, values);
  expect_images_refused("small.h5", "images are 1x8x8, the model takes 3x8x8");
  write_array("rank.h5", {2, kSize}, values);
  expect_images_refused("rank.h5", "expected [N, C, H, W]");
  write_array("ints.h5", {2, 3, kSide, kSide}, std::vector<std::int32_t>(2 * kSize, 1));
  expect_images_refused("ints.h5", "int32");
  values[kSize + 3] = 1.5f;
  write_array("range.h5", {2, 3, kSide, kSide}, values);
  expect_images_refused("range.h5", "1.5 at [1, 0, 0, 3]");
  values[kSize + 3] = NAN;
  write_array("nan.h5", {2, 3, kSide, kSide}, values);
  expect_images_refused("nan.h5", "nan at [1, 0, 0, 3]");
  expect_images_refused("absent.h5", "absent.h5");
  write_array("none.h5", {0, 3, kSide, kSide}, std::vector<float>{});
  expect_images_refused("none.h5", "empty");
}

TEST_F(BadFilesTest, LabelsThatTheModelDoesNotKnow) {
  write_model("m.h5");
  const std::vector<float> values(2 * kPixels, 0.5f);
  write_array("labels.h5", {2, 3, kSide, kSide}, values, {3, 10});
  write_array("negative.h5", {2, 3, kSide, kSide}, values, {3, -1});
  write_images("unlabelled.h5", 2, false);
  const auto score = [&](const std::string& images) {
    return std::vector<std::string>{"score", "--checkpoint", at("m.h5"), "--images", at(images),
                                    "--out", at("out.h5"),   "--energy", "class"};
  };
  expect_bad_input(score("labels.h5"), "label 10 of image 1 is outside 0 ... 9");
  expect_bad_input(score("negative.h5"), "label -1");
  expect_bad_input(score("unlabelled.h5"), "needs labels");
  expect_bad_input({"evaluate", "--checkpoint", at("m.h5"), "--data", at("labels.h5")},
                   "label 10 of image 1");
}

TEST_F(BadFilesTest, DataSetsThatAreNotThere) {
  expect_bad_input({"verify-data", at("absent")}, "does not exist");
  expect_bad_input({"verify-data", directory_.string()}, "holds no files of the sets");
  expect_bad_input({"verify-data", directory_.string(), "--set", "svhn"}, "'svhn'");
}

}  // namespace
}  // namespace mebm::testing
