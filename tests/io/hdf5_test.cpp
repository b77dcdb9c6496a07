#include "engine/io/hdf5.h"

#include <cmath>
#include <limits>
#include <numeric>

#include "tests/io/test_files.h"

namespace mebm::engine {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::input_error;
using testing::run_error;

Hdf5Reader reopened(Hdf5Writer& writer) {
  return Hdf5Reader(writer.finish(), "image.h5");
}

template <typename T>
std::vector<T> sample_values(std::size_t count) {
  std::vector<T> values(count);
  for (std::size_t i = 0; i < count; ++i) values[i] = static_cast<T>(i * 37 + 5);
  if (count > 1) values[0] = std::numeric_limits<T>::lowest(), values[1] = std::numeric_limits<T>::max();
  return values;
}

template <typename T>
class RoundTrip : public ::testing::Test {};
using Types = ::testing::Types<std::uint8_t, std::int16_t, std::uint64_t, float, double>;
TYPED_TEST_SUITE(RoundTrip, Types);

TYPED_TEST(RoundTrip, EveryShapeAndCompression) {
  const std::vector<Hdf5Shape> shapes{{}, {1}, {7}, {0}, {3, 0, 2}, {5, 3}, {2, 3, 4, 5}, {1, 1, 1, 1}};
  for (const int gzip : {0, 4}) {
    Hdf5Writer writer;
    std::vector<std::vector<TypeParam>> written;
    for (std::size_t i = 0; i < shapes.size(); ++i) {
      std::size_t count = 1;
      for (const auto extent : shapes[i]) count *= static_cast<std::size_t>(extent);
      written.push_back(sample_values<TypeParam>(count));
      writer.write("/a/b" + std::to_string(i), shapes[i], written[i].data(), {gzip});
    }
    const Hdf5Reader reader = reopened(writer);
    for (std::size_t i = 0; i < shapes.size(); ++i) {
      const std::string path = "/a/b" + std::to_string(i);
      EXPECT_EQ(reader.read<TypeParam>(path, shapes[i]), written[i]) << path << " gzip " << gzip;
      EXPECT_EQ(reader.dataset(path).type, hdf5_type_of<TypeParam>());
    }
    reader.read_everything();
  }
}

TEST(Hdf5, LargeCompressedDatasetInManyChunks) {
  std::vector<float> values(600 * 1000);
  std::iota(values.begin(), values.end(), 0.0f);
  Hdf5Writer writer;
  writer.write("/x", {600, 1000}, values.data(), {6});
  const auto image = writer.finish();
  EXPECT_LT(image.size(), values.size() * sizeof(float) / 2);
  const Hdf5Reader reader(image, "image.h5");
  EXPECT_EQ(reader.read<float>("/x", {600, 1000}), values);
  reader.read_everything();
}

TEST(Hdf5, RowsOfADataset) {
  std::vector<std::int32_t> values(10 * 3);
  std::iota(values.begin(), values.end(), 0);
  Hdf5Writer writer;
  writer.write("/x", {10, 3}, values.data());
  writer.write("/z", {10, 3}, values.data(), {1});
  writer.write("/scalar", {}, values.data() + 7);
  const Hdf5Reader reader = reopened(writer);
  for (const std::string path : {"/x", "/z"}) {
    EXPECT_THAT(reader.read_rows<std::int32_t>(path, 4, 2), ElementsAre(12, 13, 14, 15, 16, 17));
    EXPECT_THAT(reader.read_rows<double>(path, 9, 1), ElementsAre(27, 28, 29));
    EXPECT_TRUE(reader.read_rows<double>(path, 10, 0).empty());
    EXPECT_THAT(run_error([&] { reader.read_rows<float>(path, 9, 2); }),
                HasSubstr("has 10 rows, asked for 2 from 9"));
    EXPECT_EQ(reader.rows_per_piece(path), 10);
  }
  EXPECT_THAT(reader.read_rows<std::int64_t>("/scalar", 0, 1), ElementsAre(7));
  EXPECT_THAT(reader.dataset_paths(), ElementsAre("/scalar", "/x", "/z"));
}

TEST(Hdf5, TwoWritersAtATime) {
  Hdf5Writer first, second;
  const double one = 1, two = 2;
  first.write("/value", {}, &one);
  second.write("/value", {}, &two);
  const auto value = [](Hdf5Writer& writer) {
    return Hdf5Reader(writer.finish(), "image").read<double>("/value", {}).at(0);
  };
  EXPECT_EQ(value(second), 2);
  EXPECT_EQ(value(first), 1);
}

TEST(Hdf5, TheSameCallsGiveTheSameBytes) {
  const auto build = [] {
    Hdf5Writer writer;
    const std::vector<double> values{1, 2, 3};
    writer.set_attribute("/", "config", std::string(100000, 'x'));
    writer.set_attribute("/model", "leak", 0.2);
    writer.write("/model/parameters/w", {3}, values.data());
    writer.write("/model/parameters/z", {3}, values.data(), {5});
    return writer.finish();
  };
  EXPECT_EQ(build(), build());
}

TEST(Hdf5, AttributesOfEveryKind) {
  Hdf5Writer writer;
  const std::int32_t one = 1;
  writer.set_attribute("/", "text", "Grüße");
  writer.set_attribute("/", "empty", "");
  writer.set_attribute("/", "long", std::string(200000, 'q'));
  writer.set_attribute("/deep/group", "integer", std::numeric_limits<std::int64_t>::min());
  writer.set_attribute("/deep/group", "float", 0.1);
  writer.set_attribute("/deep/group", "whole", 3.0);
  writer.set_attribute("/deep/group", "flag", true);
  writer.write("/data", {1}, &one);
  writer.set_attribute("/data", "unit", "m");
  const Hdf5Reader reader = reopened(writer);
  EXPECT_EQ(reader.attribute_string("/", "text"), "Grüße");
  EXPECT_EQ(reader.attribute_string("/", "empty"), "");
  EXPECT_EQ(reader.attribute_string("/", "long"), std::string(200000, 'q'));
  EXPECT_EQ(reader.attribute_int("/deep/group", "integer"), std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(reader.attribute_double("/deep/group", "float"), 0.1);
  EXPECT_EQ(reader.attribute_int("/deep/group", "whole"), 3);
  EXPECT_EQ(reader.attribute_double("/deep/group", "flag"), 1.0);
  EXPECT_EQ(reader.attribute_string("/data", "unit"), "m");
  EXPECT_EQ(reader.attributes("/deep/group").size(), 4u);
  EXPECT_EQ(reader.optional_int("/", "absent"), std::nullopt);
  EXPECT_EQ(reader.optional_string("/", "absent"), std::nullopt);
  EXPECT_EQ(reader.optional_double("/deep/group", "float"), 0.1);
  EXPECT_THAT(input_error([&] { reader.attribute_int("/", "absent"); }),
              AllOf(HasSubstr("image.h5"), HasSubstr("'absent'"), HasSubstr("missing")));
  EXPECT_THAT(input_error([&] { reader.attribute_int("/", "text"); }), HasSubstr("expected an integer"));
  EXPECT_THAT(input_error([&] { reader.attribute_int("/deep/group", "float"); }), HasSubstr("is 0.1"));
  EXPECT_THAT(input_error([&] { reader.attribute_string("/deep/group", "float"); }), HasSubstr("a string"));
  EXPECT_THAT(input_error([&] { reader.attribute_int("/nowhere", "x"); }), HasSubstr("'/nowhere'"));
}

TEST(Hdf5, ConversionsAreExactOrRefused) {
  Hdf5Writer writer;
  const std::vector<std::int64_t> integers{-1, 255, 256, (std::int64_t{1} << 53) + 1};
  const std::vector<double> wholes{-3, 0, 7};
  const std::vector<double> halves{1, 2.5, 3};
  const std::vector<double> infinite{1, std::nan("")};
  const std::vector<std::uint64_t> huge{std::numeric_limits<std::uint64_t>::max()};
  writer.write("/integers", {4}, integers.data());
  writer.write("/wholes", {3}, wholes.data());
  writer.write("/halves", {3}, halves.data());
  writer.write("/infinite", {2}, infinite.data());
  writer.write("/huge", {1}, huge.data());
  const Hdf5Reader reader = reopened(writer);
  EXPECT_THAT(reader.read<std::int32_t>("/wholes", {3}), ElementsAre(-3, 0, 7));
  EXPECT_THAT(reader.read<float>("/halves", {3}), ElementsAre(1.0f, 2.5f, 3.0f));
  EXPECT_THAT(input_error([&] { reader.read<std::uint8_t>("/integers", {4}); }),
              AllOf(HasSubstr("'/integers' holds -1 at element 0"), HasSubstr("uint8")));
  EXPECT_THAT(input_error([&] { reader.read<std::int16_t>("/integers", {4}); }), HasSubstr("element 3"));
  EXPECT_THAT(input_error([&] { reader.read<double>("/integers", {4}); }), HasSubstr("element 3"));
  EXPECT_THAT(input_error([&] { reader.read<std::int64_t>("/halves", {3}); }),
              HasSubstr("holds 2.5 at element 1"));
  EXPECT_THAT(input_error([&] { reader.read<std::int64_t>("/infinite", {2}); }), HasSubstr("nan"));
  EXPECT_THAT(input_error([&] { reader.read<std::uint64_t>("/wholes", {3}); }), HasSubstr("holds -3"));
  EXPECT_THAT(input_error([&] { reader.read<std::int64_t>("/huge", {1}); }),
              HasSubstr("18446744073709551615"));
  EXPECT_THAT(input_error([&] { reader.read<double>("/huge", {1}); }), HasSubstr("18446744073709551615"));
}

TEST(Hdf5, ShapesAndLimitsAreChecked) {
  Hdf5Writer writer;
  const std::vector<float> values(6, 1.5f);
  writer.write("/x", {2, 3}, values.data());
  const Hdf5Reader reader = reopened(writer);
  EXPECT_EQ(reader.read_at_most<float>("/x", 6), values);
  EXPECT_THAT(input_error([&] { reader.read_at_most<float>("/x", 5); }), HasSubstr("at most 5 elements"));
  EXPECT_THAT(input_error([&] {
                reader.read<float>("/x", {3, 2});
              }),
              AllOf(HasSubstr("[2, 3]"), HasSubstr("expected [3, 2]")));
  EXPECT_THAT(input_error([&] { reader.read<float>("/y", {3, 2}); }), HasSubstr("'/y'"));
  EXPECT_THAT(input_error([&] { reader.read<float>("/", {3, 2}); }), HasSubstr("no dataset"));
  std::vector<float> out(6);
  reader.read_into("/x", {2, 3}, out.data());
  EXPECT_EQ(out, values);
}

TEST(Hdf5, ListsGroupsInNameOrder) {
  Hdf5Writer writer;
  const float one = 1;
  writer.write("/g/z.weight", {1}, &one);
  writer.make_group("/g/sub/deeper");
  writer.write("/g/a", {}, &one);
  const Hdf5Reader reader = reopened(writer);
  const auto entries = reader.list("/g");
  ASSERT_EQ(entries.size(), 3u);
  EXPECT_EQ(entries[0].name, "a");
  EXPECT_EQ(entries[0].kind, Hdf5Kind::dataset);
  EXPECT_EQ(entries[0].shape, Hdf5Shape{});
  EXPECT_EQ(entries[1].name, "sub");
  EXPECT_EQ(entries[1].kind, Hdf5Kind::group);
  EXPECT_EQ(entries[2].name, "z.weight");
  EXPECT_EQ(entries[2].type, Hdf5Type::f32);
  EXPECT_TRUE(reader.exists("/"));
  EXPECT_TRUE(reader.exists("/g/sub/deeper"));
  EXPECT_FALSE(reader.exists("/g/none/deeper"));
  EXPECT_FALSE(reader.exists("/g/a/below"));
  EXPECT_THAT(input_error([&] { reader.list("/g/a"); }), HasSubstr("no group"));
}

TEST(Hdf5, WriterRefusesMistakes) {
  Hdf5Writer writer;
  const float one = 1;
  writer.write("/x", {1}, &one);
  EXPECT_THAT(run_error([&] { writer.write("/x", {1}, &one); }), HasSubstr("'/x'"));
  EXPECT_THAT(run_error([&] { writer.write("/x/y", {1}, &one); }), HasSubstr("'/x/y'"));
  EXPECT_THAT(run_error([&] { writer.write("/n", {-1}, &one); }), HasSubstr("negative"));
  EXPECT_THAT(run_error([&] { writer.write<float>("/n", {1}, nullptr); }), HasSubstr("no data"));
  EXPECT_THAT(run_error([&] { writer.write("/n", Hdf5Type::other, {1}, &one); }), HasSubstr("element type"));
  writer.set_attribute("/", "a", 1);
  EXPECT_THAT(run_error([&] { writer.set_attribute("/", "a", 2); }), HasSubstr("/@a"));
  writer.finish();
  EXPECT_THAT(run_error([&] { writer.write("/z", {1}, &one); }), HasSubstr("finished"));
}

TEST(Hdf5, RefusesAnImageThatIsNoHdf5) {
  const std::vector<std::byte> junk(4096, std::byte{7});
  EXPECT_THAT(input_error([&] { Hdf5Reader(junk, "junk.h5"); }), HasSubstr("junk.h5"));
}

}  // namespace
}  // namespace mebm::engine
