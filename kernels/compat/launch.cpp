#include "kernels/compat/launch.h"

namespace mebm::kernels {

std::string launch_problem(const LaunchShape& shape) {
  const bool grid = shape.grid_x >= 1 && shape.grid_x <= 0x7FFFFFFFu && shape.grid_y >= 1 &&
                    shape.grid_y <= 65535 && shape.grid_z >= 1 && shape.grid_z <= 65535;
  const bool block = shape.block >= 32 && shape.block <= 1024 && shape.block % 32 == 0;
  if (grid && block) return {};
  return std::string(shape.name) + " (" + shape.sizes + "): no device takes a grid of " +
         std::to_string(shape.grid_x) + " x " + std::to_string(shape.grid_y) + " x " +
         std::to_string(shape.grid_z) + " blocks of " + std::to_string(shape.block) + " threads";
}

}  // namespace mebm::kernels
