#include <hdf5.h>

#include <cmath>
#include <utility>

#include "engine/core/error.h"
#include "engine/io/hdf5_state.h"
#include "engine/io/hdf5_types.h"

namespace mebm::engine {
namespace {

using hdf5::Handle;
using hdf5::last_error;
using State = Hdf5Reader::State;

constexpr std::size_t kMaxStringBytes = std::size_t{1} << 24;
constexpr std::size_t kMaxAttributes = 1 << 16;

[[noreturn]] void fail_attribute(const State& state, const std::string& object, const std::string& name,
                                 std::string_view what) {
  fail_input("{}: attribute '{}' of '{}' {}", state.name, name, object, what);
}

std::string read_variable_string(hid_t attribute, hid_t type, bool& ok) {
  char* text = nullptr;
  const Handle memory(H5Tcopy(H5T_C_S1));
  H5Tset_size(memory.get(), H5T_VARIABLE);
  H5Tset_cset(memory.get(), H5Tget_cset(type));
  ok = H5Aread(attribute, memory.get(), &text) >= 0;
  std::string value = ok && text != nullptr ? text : "";
  if (text != nullptr) H5free_memory(text);
  return value;
}

std::string read_fixed_string(hid_t attribute, hid_t type, bool& ok) {
  std::string value(H5Tget_size(type), '\0');
  ok = H5Aread(attribute, type, value.data()) >= 0;
  value.resize(std::min(value.size(), value.find('\0')));
  if (H5Tget_strpad(type) == H5T_STR_SPACEPAD) value.resize(value.find_last_not_of(' ') + 1);
  return value;
}

Hdf5Attribute read_string(const State& state, const std::string& object, const std::string& name,
                          hid_t attribute, hid_t type) {
  bool ok = false;
  std::string value;
  if (H5Tis_variable_str(type) > 0) {
    value = read_variable_string(attribute, type, ok);
  } else {
    if (H5Tget_size(type) > kMaxStringBytes)
      fail_attribute(state, object, name,
                     fmt::format("declares a string of {} bytes, expected at most {}", H5Tget_size(type),
                                 kMaxStringBytes));
    value = read_fixed_string(attribute, type, ok);
  }
  if (!ok) fail_attribute(state, object, name, fmt::format("cannot be read: {}", last_error()));
  return value;
}

Hdf5Attribute read_number(const State& state, const std::string& object, const std::string& name,
                          hid_t attribute, Hdf5Type type) {
  bool ok = false;
  Hdf5Attribute value;
  if (type == Hdf5Type::f32 || type == Hdf5Type::f64) {
    double number = 0;
    ok = H5Aread(attribute, H5T_NATIVE_DOUBLE, &number) >= 0;
    value = number;
  } else if (type == Hdf5Type::u64) {
    std::uint64_t number = 0;
    ok = H5Aread(attribute, H5T_NATIVE_UINT64, &number) >= 0;
    if (std::in_range<std::int64_t>(number)) value = static_cast<std::int64_t>(number);
  } else {
    std::int64_t number = 0;
    ok = H5Aread(attribute, H5T_NATIVE_INT64, &number) >= 0;
    value = number;
  }
  if (!ok) fail_attribute(state, object, name, fmt::format("cannot be read: {}", last_error()));
  return value;
}

Hdf5Attribute read_attribute(const State& state, const std::string& object, const std::string& name,
                             hid_t attribute) {
  const Handle type(H5Aget_type(attribute));
  const Handle space(H5Aget_space(attribute));
  if (!type || !space)
    fail_attribute(state, object, name, fmt::format("has no usable header: {}", last_error()));
  if (H5Sget_simple_extent_npoints(space.get()) != 1) return std::monostate{};
  if (H5Tget_class(type.get()) == H5T_STRING) return read_string(state, object, name, attribute, type.get());
  const Hdf5Type element = hdf5::classify(type.get());
  if (element == Hdf5Type::other) return std::monostate{};
  return read_number(state, object, name, attribute, element);
}

std::string describe(const Hdf5Attribute& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return fmt::format("the string \"{:.60}\"", *text);
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return fmt::format("{}", *integer);
  if (const auto* number = std::get_if<double>(&value)) return fmt::format("{}", *number);
  return "neither a single string nor a single number below 2^63";
}

}  // namespace

std::map<std::string, Hdf5Attribute> Hdf5Reader::attributes(const std::string& object) const {
  const Handle target = hdf5::open_object(*state_, object);
  std::vector<std::string> names;
  const auto collect = [](hid_t, const char* name, const H5A_info_t*, void* out) -> herr_t {
    auto& list = *static_cast<std::vector<std::string>*>(out);
    if (list.size() >= kMaxAttributes) return -1;
    list.emplace_back(name);
    return 0;
  };
  hsize_t position = 0;
  if (H5Aiterate2(target.get(), H5_INDEX_NAME, H5_ITER_INC, &position, collect, &names) < 0)
    fail_input("{}: cannot list the attributes of '{}': {}", state_->name, object, last_error());
  std::map<std::string, Hdf5Attribute> values;
  for (const std::string& name : names) values[name] = attribute(object, name);
  return values;
}

bool Hdf5Reader::has_attribute(const std::string& object, const std::string& name) const {
  return H5Aexists(hdf5::open_object(*state_, object).get(), name.c_str()) > 0;
}

Hdf5Attribute Hdf5Reader::attribute(const std::string& object, const std::string& name) const {
  const Handle target = hdf5::open_object(*state_, object);
  const Handle opened(H5Aopen(target.get(), name.c_str(), H5P_DEFAULT));
  if (!opened) {
    const std::string reason = last_error();
    if (H5Aexists(target.get(), name.c_str()) == 0) fail_attribute(*state_, object, name, "is missing");
    fail_attribute(*state_, object, name, fmt::format("cannot be opened: {}", reason));
  }
  return read_attribute(*state_, object, name, opened.get());
}

std::string Hdf5Reader::attribute_string(const std::string& object, const std::string& name) const {
  const Hdf5Attribute value = attribute(object, name);
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  fail_attribute(*state_, object, name, fmt::format("is {}, expected a string", describe(value)));
}

std::int64_t Hdf5Reader::attribute_int(const std::string& object, const std::string& name) const {
  const Hdf5Attribute value = attribute(object, name);
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return *integer;
  const auto* number = std::get_if<double>(&value);
  if (number != nullptr && std::fabs(*number) < 0x1p63 && *number == std::trunc(*number))
    return static_cast<std::int64_t>(*number);
  fail_attribute(*state_, object, name, fmt::format("is {}, expected an integer", describe(value)));
}

double Hdf5Reader::attribute_double(const std::string& object, const std::string& name) const {
  const Hdf5Attribute value = attribute(object, name);
  if (const auto* number = std::get_if<double>(&value)) return *number;
  if (const auto* integer = std::get_if<std::int64_t>(&value)) {
    const double converted = static_cast<double>(*integer);
    if (std::fabs(converted) < 0x1p63 && static_cast<std::int64_t>(converted) == *integer) return converted;
  }
  fail_attribute(*state_, object, name, fmt::format("is {}, expected a number", describe(value)));
}

std::optional<std::string> Hdf5Reader::optional_string(const std::string& object,
                                                       const std::string& name) const {
  if (!has_attribute(object, name)) return std::nullopt;
  return attribute_string(object, name);
}

std::optional<std::int64_t> Hdf5Reader::optional_int(const std::string& object,
                                                     const std::string& name) const {
  if (!has_attribute(object, name)) return std::nullopt;
  return attribute_int(object, name);
}

std::optional<double> Hdf5Reader::optional_double(const std::string& object, const std::string& name) const {
  if (!has_attribute(object, name)) return std::nullopt;
  return attribute_double(object, name);
}

}  // namespace mebm::engine
