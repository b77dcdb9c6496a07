# The CUDA language and the libraries of the CUDA backend, from a toolkit on the system or from NVIDIA's Python
# wheels (site-packages/nvidia/*/{include,lib,bin}). MEBM_CUDA_ROOTS names further folders to look in.
set(MEBM_CUDA_ROOTS "" CACHE STRING "Folders with CUDA, cuDNN or cuBLAS below include, lib, lib64 and bin")

# The folders of wheels, printed by Python; none without it.
set(mebm_wheel_roots "")
find_program(MEBM_PYTHON3 python3)
mark_as_advanced(MEBM_PYTHON3)
if(MEBM_PYTHON3)
  execute_process(
    COMMAND ${MEBM_PYTHON3} -c
            "import glob, sys; print(';'.join(sorted(d for p in sys.path if p for d in glob.glob(p + '/nvidia/*/'))), end='')"
    OUTPUT_VARIABLE mebm_wheel_roots ERROR_QUIET)
endif()

# SASS for A100 and H100/H200; later GPUs compile the newest architecture's PTX. PTX of a family newer than the
# SASS (compute_120, say) would leave out the families before it.
if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
  set(CMAKE_CUDA_ARCHITECTURES 80-real 90)
endif()
if(NOT CMAKE_CUDA_COMPILER)
  find_program(mebm_nvcc nvcc HINTS ENV CUDACXX ENV CUDA_PATH ENV CUDA_HOME ${MEBM_CUDA_ROOTS} ${mebm_wheel_roots}
               PATHS /usr/local/cuda PATH_SUFFIXES bin NO_CACHE)
  if(NOT mebm_nvcc AND NOT DEFINED ENV{CUDACXX})
    message(FATAL_ERROR "the CUDA backend needs nvcc (CUDA 12 or newer): install the CUDA toolkit and put nvcc on PATH, "
                        "set CUDACXX or CMAKE_CUDA_COMPILER, name its folder in MEBM_CUDA_ROOTS, or configure the "
                        "preset 'cpu' (MEBM_CUDA=OFF)")
  endif()
  if(mebm_nvcc)
    set(CMAKE_CUDA_COMPILER ${mebm_nvcc})
  endif()
endif()
enable_language(CUDA)
# CMake 3.25 does not know how nvcc is asked for C++20.
if(NOT CMAKE_CUDA20_STANDARD_COMPILE_OPTION)
  set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION -std=c++20)
  set(CMAKE_CUDA20_COMPILE_FEATURES cuda_std_20)
  list(APPEND CMAKE_CUDA_COMPILE_FEATURES cuda_std_20)
endif()
# nvcc's host compiler has the C++ compiler's folders; named again as system folders they come in the wrong order.
list(APPEND CMAKE_CUDA_IMPLICIT_INCLUDE_DIRECTORIES ${CMAKE_CXX_IMPLICIT_INCLUDE_DIRECTORIES})
set(CMAKE_CUDA_STANDARD 20)
set(CMAKE_CUDA_STANDARD_REQUIRED ON)
set(CMAKE_CUDA_EXTENSIONS OFF)
if(CMAKE_CUDA_COMPILER_VERSION VERSION_LESS 12)
  message(FATAL_ERROR "the CUDA backend needs CUDA 12 or newer; ${CMAKE_CUDA_COMPILER} is ${CMAKE_CUDA_COMPILER_VERSION}")
endif()
string(REGEX MATCH "^[0-9]+" mebm_cuda_major "${CMAKE_CUDA_COMPILER_VERSION}")
# The runtime is linked as one of the libraries below, which wheels have in other places than nvcc expects.
set(CMAKE_CUDA_RUNTIME_LIBRARY None)

get_filename_component(mebm_toolkit_root ${CMAKE_CUDA_COMPILER} DIRECTORY)
get_filename_component(mebm_toolkit_root ${mebm_toolkit_root} DIRECTORY)
set(mebm_cuda_roots ${MEBM_CUDA_ROOTS} ${mebm_toolkit_root} ${CMAKE_CUDA_TOOLKIT_INCLUDE_DIRECTORIES}/.. ${mebm_wheel_roots})

# mebm_find_cuda_library(<name> <header> <versions> <package>): the imported target mebm::<name>. Wheels have no
# lib<name>.so, only lib<name>.so.<version>.
function(mebm_find_cuda_library name header versions package)
  set(names ${name})
  foreach(version ${versions})
    list(APPEND names lib${name}.so.${version})
  endforeach()
  find_library(MEBM_${name}_LIBRARY NAMES ${names} HINTS ${mebm_cuda_roots}
               PATH_SUFFIXES lib64 lib lib/x86_64-linux-gnu targets/x86_64-linux/lib)
  find_path(MEBM_${name}_INCLUDE ${header} HINTS ${mebm_cuda_roots} PATH_SUFFIXES include targets/x86_64-linux/include)
  mark_as_advanced(MEBM_${name}_LIBRARY MEBM_${name}_INCLUDE)
  foreach(part LIBRARY INCLUDE)
    if(NOT MEBM_${name}_${part})
      if(part STREQUAL "LIBRARY")
        list(JOIN names " or " what)
      else()
        set(what ${header})
      endif()
      message(FATAL_ERROR "the CUDA backend needs ${package}, but ${what} was not found in the system's folders nor in "
                          "${mebm_cuda_roots}; install ${package} or name its folder in MEBM_CUDA_ROOTS")
    endif()
  endforeach()
  add_library(mebm::${name} SHARED IMPORTED GLOBAL)
  set_target_properties(mebm::${name} PROPERTIES
    IMPORTED_LOCATION ${MEBM_${name}_LIBRARY}
    INTERFACE_INCLUDE_DIRECTORIES ${MEBM_${name}_INCLUDE})
endfunction()

mebm_find_cuda_library(cudart cuda_runtime_api.h ${mebm_cuda_major} "the CUDA runtime")
mebm_find_cuda_library(cublas cublas_v2.h ${mebm_cuda_major} "cuBLAS")
mebm_find_cuda_library(cudnn cudnn.h 9 "cuDNN 9.8 or newer")

# cuRAND's device functions are headers alone, for comparisons; without them those are left out.
find_path(MEBM_curand_INCLUDE curand_kernel.h HINTS ${mebm_cuda_roots}
          PATH_SUFFIXES include targets/x86_64-linux/include)
mark_as_advanced(MEBM_curand_INCLUDE)
if(NOT MEBM_curand_INCLUDE)
  message(STATUS "no curand_kernel.h: our random numbers are not compared with cuRAND's")
endif()

file(STRINGS ${MEBM_cudnn_INCLUDE}/cudnn_version.h mebm_cudnn_defines REGEX "#define CUDNN_(MAJOR|MINOR|PATCHLEVEL) ")
string(REGEX MATCHALL "[0-9]+" mebm_cudnn_version "${mebm_cudnn_defines}")
list(JOIN mebm_cudnn_version . mebm_cudnn_version)
if(mebm_cudnn_version VERSION_LESS 9.8)
  message(FATAL_ERROR "the CUDA backend needs cuDNN 9.8 or newer; ${MEBM_cudnn_INCLUDE} has ${mebm_cudnn_version}")
endif()
message(STATUS "CUDA ${CMAKE_CUDA_COMPILER_VERSION}, cuDNN ${mebm_cudnn_version}: ${MEBM_cudart_LIBRARY}, "
               "${MEBM_cublas_LIBRARY}, ${MEBM_cudnn_LIBRARY}")
