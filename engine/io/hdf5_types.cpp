#include "engine/io/hdf5_types.h"

#include <hdf5.h>

#include "engine/core/error.h"

namespace mebm::engine {

std::string_view name_of(Hdf5Type type) {
  switch (type) {
    case Hdf5Type::u8:
      return "uint8";
    case Hdf5Type::i8:
      return "int8";
    case Hdf5Type::u16:
      return "uint16";
    case Hdf5Type::i16:
      return "int16";
    case Hdf5Type::u32:
      return "uint32";
    case Hdf5Type::i32:
      return "int32";
    case Hdf5Type::u64:
      return "uint64";
    case Hdf5Type::i64:
      return "int64";
    case Hdf5Type::f32:
      return "float32";
    case Hdf5Type::f64:
      return "float64";
    case Hdf5Type::other:
      break;
  }
  return "other";
}

std::size_t size_of(Hdf5Type type) {
  switch (type) {
    case Hdf5Type::u8:
    case Hdf5Type::i8:
      return 1;
    case Hdf5Type::u16:
    case Hdf5Type::i16:
      return 2;
    case Hdf5Type::u32:
    case Hdf5Type::i32:
    case Hdf5Type::f32:
      return 4;
    case Hdf5Type::u64:
    case Hdf5Type::i64:
    case Hdf5Type::f64:
      return 8;
    case Hdf5Type::other:
      break;
  }
  return 0;
}

std::string to_string(const Hdf5Shape& shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

namespace hdf5 {

std::int64_t memory_type(Hdf5Type type) {
  switch (type) {
    case Hdf5Type::u8:
      return H5T_NATIVE_UINT8;
    case Hdf5Type::i8:
      return H5T_NATIVE_INT8;
    case Hdf5Type::u16:
      return H5T_NATIVE_UINT16;
    case Hdf5Type::i16:
      return H5T_NATIVE_INT16;
    case Hdf5Type::u32:
      return H5T_NATIVE_UINT32;
    case Hdf5Type::i32:
      return H5T_NATIVE_INT32;
    case Hdf5Type::u64:
      return H5T_NATIVE_UINT64;
    case Hdf5Type::i64:
      return H5T_NATIVE_INT64;
    case Hdf5Type::f32:
      return H5T_NATIVE_FLOAT;
    case Hdf5Type::f64:
      return H5T_NATIVE_DOUBLE;
    case Hdf5Type::other:
      break;
  }
  fail("an array of this element type cannot be stored in HDF5");
}

std::int64_t file_type(Hdf5Type type) {
  switch (type) {
    case Hdf5Type::u8:
      return H5T_STD_U8LE;
    case Hdf5Type::i8:
      return H5T_STD_I8LE;
    case Hdf5Type::u16:
      return H5T_STD_U16LE;
    case Hdf5Type::i16:
      return H5T_STD_I16LE;
    case Hdf5Type::u32:
      return H5T_STD_U32LE;
    case Hdf5Type::i32:
      return H5T_STD_I32LE;
    case Hdf5Type::u64:
      return H5T_STD_U64LE;
    case Hdf5Type::i64:
      return H5T_STD_I64LE;
    case Hdf5Type::f32:
      return H5T_IEEE_F32LE;
    case Hdf5Type::f64:
      return H5T_IEEE_F64LE;
    case Hdf5Type::other:
      break;
  }
  fail("an array of this element type cannot be stored in HDF5");
}

Hdf5Type classify(std::int64_t type) {
  const std::size_t bytes = H5Tget_size(type);
  switch (H5Tget_class(type)) {
    case H5T_FLOAT:
      return bytes <= 4 ? Hdf5Type::f32 : bytes <= 16 ? Hdf5Type::f64 : Hdf5Type::other;
    case H5T_ENUM:
    case H5T_INTEGER:
      break;
    default:
      return Hdf5Type::other;
  }
  const bool is_signed = H5Tget_sign(type) == H5T_SGN_2;
  if (bytes <= 1) return is_signed ? Hdf5Type::i8 : Hdf5Type::u8;
  if (bytes <= 2) return is_signed ? Hdf5Type::i16 : Hdf5Type::u16;
  if (bytes <= 4) return is_signed ? Hdf5Type::i32 : Hdf5Type::u32;
  if (bytes <= 8) return is_signed ? Hdf5Type::i64 : Hdf5Type::u64;
  return Hdf5Type::other;
}

}  // namespace hdf5
}  // namespace mebm::engine
