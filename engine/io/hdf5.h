#pragma once
// HDF5 files without HDF5's own types: a writer that builds a file image in memory and a reader that
// bounds every size before it allocates. The HDF5 library is used from one thread at a time.
//
// Arrays are row-major (C order). A shape of {} is a scalar; dimensions of 0 are allowed.
// Paths are absolute ("/model/parameters/f.conv1.weight"); "/" is the root group.

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

namespace mebm::engine {

using Hdf5Shape = std::vector<std::int64_t>;

enum class Hdf5Type { u8, i8, u16, i16, u32, i32, u64, i64, f32, f64, other };

// "uint8", "float32", ...; NumPy's names.
std::string_view name_of(Hdf5Type type);
// Bytes of one element in memory; 0 for `other`.
std::size_t size_of(Hdf5Type type);
// "[64, 3, 32, 32]"
std::string to_string(const Hdf5Shape& shape);

template <typename T>
constexpr Hdf5Type hdf5_type_of() {
  if constexpr (std::is_same_v<T, float>) return Hdf5Type::f32;
  if constexpr (std::is_same_v<T, double>) return Hdf5Type::f64;
  if constexpr (std::is_same_v<T, std::uint8_t>) return Hdf5Type::u8;
  if constexpr (std::is_same_v<T, std::int8_t>) return Hdf5Type::i8;
  if constexpr (std::is_same_v<T, std::uint16_t>) return Hdf5Type::u16;
  if constexpr (std::is_same_v<T, std::int16_t>) return Hdf5Type::i16;
  if constexpr (std::is_same_v<T, std::uint32_t>) return Hdf5Type::u32;
  if constexpr (std::is_same_v<T, std::int32_t>) return Hdf5Type::i32;
  if constexpr (std::is_same_v<T, std::uint64_t>) return Hdf5Type::u64;
  if constexpr (std::is_same_v<T, std::int64_t>) return Hdf5Type::i64;
  return Hdf5Type::other;
}

struct Hdf5WriteOptions {
  int gzip_level = 0;  // 1..9: chunked along the first dimension, shuffled, deflated; 0: contiguous
};

// Builds an HDF5 file in memory. The image leaves the first kUserBlockSize bytes (checkpoint_file.h)
// free and holds no time stamps: the same calls give the same bytes. Parent groups are made on demand.
// Errors (a name used twice, no memory) are Error with the object's path.
class Hdf5Writer {
 public:
  // `expected_bytes` sizes the first allocation; the image grows beyond it as needed.
  explicit Hdf5Writer(std::size_t expected_bytes = 0);
  ~Hdf5Writer();
  Hdf5Writer(Hdf5Writer&&) noexcept;
  Hdf5Writer& operator=(Hdf5Writer&&) noexcept;

  void make_group(const std::string& path);
  // `object` is a group (made if absent) or a dataset already written. Strings are stored as UTF-8 of
  // variable length and may not contain NUL.
  void set_attribute(const std::string& object, const std::string& name, std::string_view value);
  void set_attribute(const std::string& object, const std::string& name, double value);
  template <typename T>
  requires std::is_integral_v<T>
  void set_attribute(const std::string& object, const std::string& name, T value) {
    set_integer(object, name, static_cast<std::int64_t>(value));
  }

  // `data` holds the shape's element count of `type`; it may be null when that is 0.
  void write(const std::string& path, Hdf5Type type, const Hdf5Shape& shape, const void* data,
             const Hdf5WriteOptions& options = {});
  template <typename T>
  void write(const std::string& path, const Hdf5Shape& shape, const T* data,
             const Hdf5WriteOptions& options = {}) {
    static_assert(hdf5_type_of<T>() != Hdf5Type::other);
    write(path, hdf5_type_of<T>(), shape, data, options);
  }

  // The file's bytes; the writer is closed afterwards.
  std::vector<std::byte> finish();

 private:
  struct State;
  void set_integer(const std::string& object, const std::string& name, std::int64_t value);
  State& open_state() const;
  std::unique_ptr<State> state_;
};

enum class Hdf5Kind { group, dataset, other };

struct Hdf5Entry {
  std::string name;
  Hdf5Kind kind = Hdf5Kind::other;
  Hdf5Shape shape;                  // datasets only
  Hdf5Type type = Hdf5Type::other;  // datasets only
};

// std::monostate: present, but neither a single string nor a single number (of at most int64's range).
using Hdf5Attribute = std::variant<std::monostate, std::string, std::int64_t, double>;

// Reads a file. Everything wrong with the file is an InputError that names the file, the object, what was
// found and what is expected. This class opens files as they are: open_file (checkpoint_file.h) checks them
// first, because the HDF5 library can crash on damaged ones.
class Hdf5Reader {
 public:
  explicit Hdf5Reader(const std::string& file);
  // An image in memory; `name` stands for the file in messages. The bytes are copied.
  Hdf5Reader(std::span<const std::byte> image, const std::string& name);
  ~Hdf5Reader();
  Hdf5Reader(Hdf5Reader&&) noexcept;
  Hdf5Reader& operator=(Hdf5Reader&&) noexcept;

  const std::string& file() const;

  bool exists(const std::string& path) const;
  // The members of a group in name order. Links out of the file are `other`.
  std::vector<Hdf5Entry> list(const std::string& group) const;
  Hdf5Entry dataset(const std::string& path) const;
  Hdf5Shape shape(const std::string& path) const { return dataset(path).shape; }

  // Attributes of a group or dataset. Strings of fixed or variable length, integers of any width, booleans
  // and floats; an integer is read as a float, or a float as an integer, where that is exact.
  std::map<std::string, Hdf5Attribute> attributes(const std::string& object) const;
  bool has_attribute(const std::string& object, const std::string& name) const;
  std::string attribute_string(const std::string& object, const std::string& name) const;
  std::int64_t attribute_int(const std::string& object, const std::string& name) const;
  double attribute_double(const std::string& object, const std::string& name) const;
  // nullopt where the attribute is absent; present but unfit is still an InputError.
  std::optional<std::string> optional_string(const std::string& object, const std::string& name) const;
  std::optional<std::int64_t> optional_int(const std::string& object, const std::string& name) const;
  std::optional<double> optional_double(const std::string& object, const std::string& name) const;

  // A whole dataset, whose shape must be `expected`. Floats convert to the asked precision; integers, and
  // integers to or from floats, convert where every value is exact.
  template <typename T>
  std::vector<T> read(const std::string& path, const Hdf5Shape& expected) const {
    check_shape(path, expected);
    return read_checked<T>(path);
  }
  // A whole dataset of any shape with at most `max_elements`.
  template <typename T>
  std::vector<T> read_at_most(const std::string& path, std::int64_t max_elements) const {
    check_count(path, max_elements);
    return read_checked<T>(path);
  }
  // As read(), into the caller's memory of the shape's element count.
  template <typename T>
  void read_into(const std::string& path, const Hdf5Shape& expected, T* out) const {
    static_assert(hdf5_type_of<T>() != Hdf5Type::other);
    check_shape(path, expected);
    read_elements(path, hdf5_type_of<T>(), out);
  }

  // Rows [first, first + count) along the first dimension, the others whole: for datasets larger than memory.
  template <typename T>
  std::vector<T> read_rows(const std::string& path, std::int64_t first, std::int64_t count) const {
    static_assert(hdf5_type_of<T>() != Hdf5Type::other);
    std::vector<T> values(static_cast<std::size_t>(count * checked_row_elements(path, first, count)));
    read_row_elements(path, hdf5_type_of<T>(), first, count, values.data());
    return values;
  }
  // How many rows make about 16 MiB (of a scalar, 1): a piece size for read_rows.
  std::int64_t rows_per_piece(const std::string& path) const;

  // Every dataset that can be reached, once, groups before their neighbours in name order.
  std::vector<std::string> dataset_paths() const;
  // Reads every group, header, attribute and numeric dataset once, in bounded memory; throws on the first
  // object that cannot be read.
  void read_everything() const;

  struct State;  // internal to engine/io

 private:
  void check_shape(const std::string& path, const Hdf5Shape& expected) const;
  void check_count(const std::string& path, std::int64_t max_elements) const;
  std::int64_t checked_count(const std::string& path) const;
  std::int64_t checked_row_elements(const std::string& path, std::int64_t first, std::int64_t count) const;
  void read_elements(const std::string& path, Hdf5Type type, void* out) const;
  void read_row_elements(const std::string& path, Hdf5Type type, std::int64_t first, std::int64_t count,
                         void* out) const;
  Hdf5Attribute attribute(const std::string& object, const std::string& name) const;
  template <typename T>
  std::vector<T> read_checked(const std::string& path) const {
    static_assert(hdf5_type_of<T>() != Hdf5Type::other);
    std::vector<T> values(static_cast<std::size_t>(checked_count(path)));
    read_elements(path, hdf5_type_of<T>(), values.data());
    return values;
  }

  std::unique_ptr<State> state_;
};

}  // namespace mebm::engine
