# Compile options shared by every target of the project.
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
find_program(MEBM_CCACHE ccache)
if(MEBM_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${MEBM_CCACHE})
endif()

add_library(mebm_options INTERFACE)
target_include_directories(mebm_options INTERFACE ${PROJECT_SOURCE_DIR})
# nvcc takes warnings in words of its own.
set(mebm_host "$<NOT:$<COMPILE_LANGUAGE:CUDA>>")
set(mebm_device "$<COMPILE_LANGUAGE:CUDA>")
target_compile_options(mebm_options INTERFACE
  "$<${mebm_host}:-Wall;-Wextra;-Wshadow;-Wnon-virtual-dtor;-Woverloaded-virtual>" "$<${mebm_device}:-Xcompiler=-Wall>")
target_compile_definitions(mebm_options INTERFACE MEBM_VERSION="${PROJECT_VERSION}")
if(MEBM_WERROR)
  target_compile_options(mebm_options INTERFACE "$<${mebm_host}:-Werror>" "$<${mebm_device}:-Werror=all-warnings>")
endif()
if(MEBM_SANITIZE)
  # GCC 12 sees uninitialised values in instrumented standard headers that are not there.
  target_compile_options(mebm_options INTERFACE -Wno-maybe-uninitialized)
  target_compile_options(mebm_options INTERFACE -fsanitize=${MEBM_SANITIZE} -fno-omit-frame-pointer -g1)
  target_link_options(mebm_options INTERFACE -fsanitize=${MEBM_SANITIZE})
endif()

# For folders whose code parses, prints and writes files: a third less compile time, and nothing to gain by more.
set(MEBM_LIGHT_OPTIMISATION "$<$<AND:$<CONFIG:Release>,$<COMPILE_LANGUAGE:CXX>>:-O1>")

# mebm_add_library(<name> SOURCES ... [PUBLIC libs...] [PRIVATE libs...]): one folder's target.
function(mebm_add_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC mebm_options ${ARG_PUBLIC} PRIVATE ${ARG_PRIVATE})
endfunction()
