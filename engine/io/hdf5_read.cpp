// Reading a dataset's values with exact conversions.

#include <hdf5.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "engine/core/error.h"
#include "engine/io/hdf5_state.h"
#include "engine/io/hdf5_types.h"

namespace mebm::engine {
namespace {

using hdf5::DatasetView;
using State = Hdf5Reader::State;

constexpr std::int64_t kPieceBytes = std::int64_t{1} << 24;

bool is_float(Hdf5Type type) {
  return type == Hdf5Type::f32 || type == Hdf5Type::f64;
}
bool is_signed(Hdf5Type type) {
  return type == Hdf5Type::i8 || type == Hdf5Type::i16 || type == Hdf5Type::i32 || type == Hdf5Type::i64;
}

// Every value of `from` is a value of `to`, or both are floats (whose conversion rounds).
bool converts_always(Hdf5Type from, Hdf5Type to) {
  if (is_float(from) || is_float(to)) return is_float(from) && is_float(to);
  if (is_signed(from) == is_signed(to)) return size_of(from) <= size_of(to);
  return !is_signed(from) && size_of(from) < size_of(to);
}

// True and `out` filled where `value` is a value of To.
template <typename To, typename From>
bool convert_exactly(From value, To& out) {
  if constexpr (std::is_floating_point_v<From>) {
    // 2^digits is exact as a double, so the comparison is too; NaN fails it.
    const double top = std::ldexp(1.0, std::numeric_limits<To>::digits);
    const double bottom = std::is_signed_v<To> ? -top : 0.0;
    if (!(value >= bottom && value < top) || value != std::trunc(value)) return false;
    out = static_cast<To>(value);
    return true;
  } else if constexpr (std::is_floating_point_v<To>) {
    out = static_cast<To>(value);
    const double back = out;
    return back < std::ldexp(1.0, std::numeric_limits<From>::digits) && static_cast<From>(back) == value;
  } else {
    out = static_cast<To>(value);
    return std::in_range<To>(value);
  }
}

// Reads the view's selection: `count` elements of `space`.
void read_direct(const State& state, const std::string& path, const DatasetView& view, Hdf5Type type,
                 void* out) {
  if (view.count == 0) return;
  const bool whole = !view.rows;
  if (H5Dread(view.dataset.get(), hdf5::memory_type(type), whole ? H5S_ALL : view.rows.get(),
              whole ? H5S_ALL : view.space.get(), H5P_DEFAULT, out) < 0)
    fail_input("{}: cannot read '{}' ({} {}): {}", state.name, path, name_of(view.element),
               to_string(view.shape), hdf5::last_error());
}

template <typename From, typename To>
void read_through(const State& state, const std::string& path, const DatasetView& view, To* out) {
  std::vector<From> values(static_cast<std::size_t>(view.count));
  read_direct(state, path, view, hdf5_type_of<From>(), values.data());
  for (std::size_t i = 0; i < values.size(); ++i)
    if (!convert_exactly(values[i], out[i]))
      fail_input("{}: '{}' holds {} at element {}, which {} cannot represent", state.name, path, values[i], i,
                 name_of(hdf5_type_of<To>()));
}

template <typename To>
void read_converted(const State& state, const std::string& path, const DatasetView& view, void* out) {
  To* typed = static_cast<To*>(out);
  if constexpr (!std::is_floating_point_v<To>)
    if (is_float(view.element)) return read_through<double>(state, path, view, typed);
  if (view.element == Hdf5Type::u64) return read_through<std::uint64_t>(state, path, view, typed);
  read_through<std::int64_t>(state, path, view, typed);
}

void read_view(const State& state, const std::string& path, const DatasetView& view, Hdf5Type type,
               void* out) {
  if (view.element == Hdf5Type::other)
    fail_input("{}: '{}' holds neither integers nor floats, expected {}", state.name, path, name_of(type));
  if (converts_always(view.element, type)) return read_direct(state, path, view, type, out);
  switch (type) {
    case Hdf5Type::u8:
      return read_converted<std::uint8_t>(state, path, view, out);
    case Hdf5Type::i8:
      return read_converted<std::int8_t>(state, path, view, out);
    case Hdf5Type::u16:
      return read_converted<std::uint16_t>(state, path, view, out);
    case Hdf5Type::i16:
      return read_converted<std::int16_t>(state, path, view, out);
    case Hdf5Type::u32:
      return read_converted<std::uint32_t>(state, path, view, out);
    case Hdf5Type::i32:
      return read_converted<std::int32_t>(state, path, view, out);
    case Hdf5Type::u64:
      return read_converted<std::uint64_t>(state, path, view, out);
    case Hdf5Type::i64:
      return read_converted<std::int64_t>(state, path, view, out);
    case Hdf5Type::f32:
      return read_converted<float>(state, path, view, out);
    case Hdf5Type::f64:
      return read_converted<double>(state, path, view, out);
    case Hdf5Type::other:
      break;
  }
  fail("a dataset cannot be read as this element type");
}

// Narrows the view to some rows; a scalar is one row.
void select_rows(const State& state, const std::string& path, DatasetView& view, std::int64_t first,
                 std::int64_t count) {
  if (view.shape.empty()) return;
  std::vector<hsize_t> start(view.shape.size()), extent(view.shape.begin(), view.shape.end());
  start[0] = static_cast<hsize_t>(first);
  extent[0] = static_cast<hsize_t>(count);
  view.rows = hdf5::Handle(H5Screate_simple(static_cast<int>(extent.size()), extent.data(), nullptr));
  if (!view.rows || H5Sselect_hyperslab(view.space.get(), H5S_SELECT_SET, start.data(), nullptr,
                                        extent.data(), nullptr) < 0)
    fail_input("{}: cannot select rows of '{}': {}", state.name, path, hdf5::last_error());
  view.count = view.count / view.shape[0] * count;
}

}  // namespace

void Hdf5Reader::read_elements(const std::string& path, Hdf5Type type, void* out) const {
  read_view(*state_, path, hdf5::open_dataset(*state_, path), type, out);
}

std::int64_t Hdf5Reader::checked_row_elements(const std::string& path, std::int64_t first,
                                              std::int64_t count) const {
  const DatasetView view = hdf5::open_dataset(*state_, path);
  const std::int64_t rows = view.shape.empty() ? 1 : view.shape.front();
  require(first >= 0 && count >= 0 && first <= rows && count <= rows - first,
          "{}: '{}' has {} rows, asked for {} from {}", state_->name, path, rows, count, first);
  return rows == 0 ? 0 : view.count / rows;
}

void Hdf5Reader::read_row_elements(const std::string& path, Hdf5Type type, std::int64_t first,
                                   std::int64_t count, void* out) const {
  DatasetView view = hdf5::open_dataset(*state_, path);
  if (view.count == 0 || count == 0) return;
  select_rows(*state_, path, view, first, count);
  read_view(*state_, path, view, type, out);
}

std::int64_t Hdf5Reader::rows_per_piece(const std::string& path) const {
  const DatasetView view = hdf5::open_dataset(*state_, path);
  if (view.shape.empty() || view.count == 0) return 1;
  const std::int64_t rows = view.shape.front();
  const auto row_bytes =
      view.count / rows * static_cast<std::int64_t>(std::max<std::size_t>(1, size_of(view.element)));
  const std::int64_t step = std::max<std::int64_t>(1, kPieceBytes / row_bytes);
  // Whole chunks, so that each is inflated once.
  return std::min(rows, (step + view.chunk_rows - 1) / view.chunk_rows * view.chunk_rows);
}

}  // namespace mebm::engine
