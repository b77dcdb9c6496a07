// Reading a dataset's values with exact conversions.

#include <hdf5.h>

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

void read_direct(const State& state, const std::string& path, const DatasetView& view, Hdf5Type type,
                 void* out) {
  if (view.count == 0) return;
  if (H5Dread(view.dataset.get(), hdf5::memory_type(type), H5S_ALL, H5S_ALL, H5P_DEFAULT, out) < 0)
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

}  // namespace

void Hdf5Reader::read_elements(const std::string& path, Hdf5Type type, void* out) const {
  const DatasetView view = hdf5::open_dataset(*state_, path);
  if (view.element == Hdf5Type::other)
    fail_input("{}: '{}' holds neither integers nor floats, expected {}", state_->name, path, name_of(type));
  if (converts_always(view.element, type)) return read_direct(*state_, path, view, type, out);
  switch (type) {
    case Hdf5Type::u8:
      return read_converted<std::uint8_t>(*state_, path, view, out);
    case Hdf5Type::i8:
      return read_converted<std::int8_t>(*state_, path, view, out);
    case Hdf5Type::u16:
      return read_converted<std::uint16_t>(*state_, path, view, out);
    case Hdf5Type::i16:
      return read_converted<std::int16_t>(*state_, path, view, out);
    case Hdf5Type::u32:
      return read_converted<std::uint32_t>(*state_, path, view, out);
    case Hdf5Type::i32:
      return read_converted<std::int32_t>(*state_, path, view, out);
    case Hdf5Type::u64:
      return read_converted<std::uint64_t>(*state_, path, view, out);
    case Hdf5Type::i64:
      return read_converted<std::int64_t>(*state_, path, view, out);
    case Hdf5Type::f32:
      return read_converted<float>(*state_, path, view, out);
    case Hdf5Type::f64:
      return read_converted<double>(*state_, path, view, out);
    case Hdf5Type::other:
      break;
  }
  fail("a dataset cannot be read as this element type");
}

}  // namespace mebm::engine
