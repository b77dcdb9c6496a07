// Reading the weights' file: the whole network from one, and what is said of others.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <limits>

#include "engine/core/error.h"
#include "engine/io/checkpoint_file.h"
#include "engine/io/sha256.h"
#include "metrics/inception_features.h"
#include "tests/metrics/formula_inception.h"

namespace mebm::metrics {
namespace {

using engine::InputError;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

const std::string kHash = "6726825d" + std::string(56, '0');

class InceptionFile : public ::testing::Test {
 protected:
  InceptionFile()
      : path_(std::filesystem::temp_directory_path() /
              ("mebm_inception_" + std::to_string(getpid()) + "_" +
               ::testing::UnitTest::GetInstance()->current_test_info()->name() + ".h5")) {}
  ~InceptionFile() override { std::filesystem::remove(path_); }

  static engine::Hdf5Writer writer(const std::string& hash = kHash) {
    engine::Hdf5Writer out;
    out.set_attribute("/", "format", "mebm-inception");
    out.set_attribute("/", "version", 1);
    out.set_attribute("/", "source", "pt_inception-2015-12-05-6726825d.pth");
    out.set_attribute("/", "source_sha256", hash);
    return out;
  }

  // A file with every parameter, after `change` has seen it.
  template <typename Change>
  void write_network(engine::Hdf5Writer out, const Change& change) {
    for (const models::NamedShape& p : models::InceptionV3::parameters()) {
      std::vector<float> values = formula_parameter(p);
      change(p.name, values);
      engine::Hdf5Shape shape;
      for (int i = 0; i < p.shape.rank(); ++i) shape.push_back(p.shape[i]);
      out.write("/" + p.name, shape, values.data());
    }
    engine::write_file(path_, out);
  }

  void write(engine::Hdf5Writer out) { engine::write_file(path_, out); }
  auto opening() {
    return [this] { open_inception(path_, context_); };
  }

  engine::Context context_{{.threads = 2}};
  std::filesystem::path path_;
};

TEST_F(InceptionFile, GivesTheNetworkItHolds) {
  write_network(writer(), [](const std::string&, std::vector<float>&) {});
  const auto opened = open_inception(path_, 2, {.protocol = InceptionProtocol::pytorch_fid});
  EXPECT_EQ(opened->name(), "InceptionV3 of 2015 (pt_inception-2015-12-05-6726825d.pth, SHA-256 " + kHash +
                                "), protocol pytorch-fid: half-pixel bilinear to 299x299, v/127.5-1");
  std::ifstream file(path_, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  EXPECT_EQ(opened->digest(), engine::to_hex(engine::sha256(std::as_bytes(std::span(bytes)))));

  InceptionFeatures made(context_, formula_parameter, "", "", false,
                         {.protocol = InceptionProtocol::pytorch_fid});
  const OwnedImages image = formula_images("colour", 1, 3, 32, 32);
  EXPECT_EQ(opened->extract(image.view()).logits, made.extract(image.view()).logits);
}

TEST_F(InceptionFile, OtherWeightsAreSaidToBeOthers) {
  write_network(writer(std::string(64, 'a')), [](const std::string&, std::vector<float>&) {});
  EXPECT_THAT(open_inception(path_, context_)->name(), HasSubstr("other weights than the published ones"));
}

TEST_F(InceptionFile, NotFiniteWeightsAreNamed) {
  write_network(writer(), [](const std::string& name, std::vector<float>& values) {
    if (name == "Conv2d_2b_3x3.bn.bias") values[7] = std::numeric_limits<float>::quiet_NaN();
  });
  EXPECT_THAT(opening(), ThrowsMessage<InputError>(HasSubstr(
                             "'Conv2d_2b_3x3.bn.bias' is nan at element 7, expected finite weights")));
}

TEST_F(InceptionFile, MissingFile) {
  EXPECT_THAT(opening(), ThrowsMessage<InputError>(HasSubstr("cannot be opened")));
}

TEST_F(InceptionFile, PyTorchsFileIsSentToTheConverter) {
  EXPECT_THAT([&] { open_inception("pt_inception-2015-12-05-6726825d.pth", context_); },
              ThrowsMessage<InputError>(
                  AllOf(HasSubstr("is a PyTorch file"),
                        HasSubstr("scripts/convert_inception.py pt_inception-2015-12-05-6726825d.pth "
                                  "pt_inception-2015-12-05-6726825d.h5"))));
}

TEST_F(InceptionFile, NoHdf5) {
  std::ofstream(path_) << "weights";
  EXPECT_THAT(opening(), ThrowsMessage<InputError>(HasSubstr("is no HDF5 file")));
}

TEST_F(InceptionFile, AnotherKindOfFile) {
  engine::Hdf5Writer out;
  out.set_attribute("/", "format", "mebm-checkpoint");
  write(std::move(out));
  EXPECT_THAT(opening(),
              ThrowsMessage<InputError>(HasSubstr("format is 'mebm-checkpoint', expected 'mebm-inception'")));
}

TEST_F(InceptionFile, NewerVersion) {
  engine::Hdf5Writer out;
  out.set_attribute("/", "format", "mebm-inception");
  out.set_attribute("/", "version", 2);
  write(std::move(out));
  EXPECT_THAT(opening(), ThrowsMessage<InputError>(HasSubstr("version 2")));
}

TEST_F(InceptionFile, MissingParameter) {
  write(writer());
  EXPECT_THAT(opening(),
              ThrowsMessage<InputError>(HasSubstr(
                  "has no 'Conv2d_1a_3x3.conv.weight'; make it with scripts/convert_inception.py")));
}

TEST_F(InceptionFile, WrongShape) {
  engine::Hdf5Writer out = writer();
  const std::vector<float> values(27);
  out.write("/Conv2d_1a_3x3.conv.weight", {1, 3, 3, 3}, values.data());
  write(std::move(out));
  EXPECT_THAT(opening(),
              ThrowsMessage<InputError>(HasSubstr("'Conv2d_1a_3x3.conv.weight' is float32 [1, 3, 3, 3], "
                                                  "expected float32 [32, 3, 3, 3]")));
}

TEST_F(InceptionFile, WrongType) {
  engine::Hdf5Writer out = writer();
  const std::vector<double> values(32 * 27);
  out.write("/Conv2d_1a_3x3.conv.weight", {32, 3, 3, 3}, values.data());
  write(std::move(out));
  EXPECT_THAT(opening(), ThrowsMessage<InputError>(HasSubstr("is float64")));
}

TEST_F(InceptionFile, Truncated) {
  write(writer());
  std::filesystem::resize_file(path_, std::filesystem::file_size(path_) - 100);
  EXPECT_THAT(opening(), ThrowsMessage<InputError>(HasSubstr("truncated")));
}

}  // namespace
}  // namespace mebm::metrics
