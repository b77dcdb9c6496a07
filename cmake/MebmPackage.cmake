# The portable archive: `cpack -G TGZ` in a build folder, once per preset. docs/gpu.md says what it needs to run.
#   bin/       launchers, which find the libraries (scripts/launch.sh)
#   libexec/   the programs
#   lib/       the libraries of this machine that another one need not have; lib/compiler/ the C++ run-time,
#              used only where the other machine's is missing or older
#   share/doc/mebm_engine/libraries/   where each of them comes from, and its licence
set(mebm_packaged mebm_engine)
if(TARGET cuda_libraries_test)
  list(APPEND mebm_packaged cuda_libraries_test)
endif()
foreach(program ${mebm_packaged})
  # RPATH rather than RUNPATH: it holds for the libraries that libraries need, and before LD_LIBRARY_PATH.
  target_link_options(${program} PRIVATE -Wl,--disable-new-dtags)
  set_target_properties(${program} PROPERTIES INSTALL_RPATH "$ORIGIN/../lib")
  install(TARGETS ${program} RUNTIME DESTINATION libexec)
  install(PROGRAMS scripts/launch.sh DESTINATION bin RENAME ${program})
endforeach()
install(PROGRAMS scripts/gpu_check.sh DESTINATION scripts)
install(PROGRAMS bench/peer/pytorch_step.py DESTINATION share/mebm_engine)
install(FILES LICENSE README.md CHANGELOG.md DESTINATION .)
install(DIRECTORY docs DESTINATION .)

list(TRANSFORM mebm_packaged REPLACE "(.+)" "$<TARGET_FILE:\\1>" OUTPUT_VARIABLE mebm_packaged_files)
install(CODE "set(MEBM_PROGRAMS \"${mebm_packaged_files}\")")
install(SCRIPT cmake/bundle_libraries.cmake)

set(CPACK_GENERATOR TGZ)
set(CPACK_PACKAGE_NAME mebm_engine)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
if(MEBM_CUDA)
  set(CPACK_SYSTEM_NAME linux-x86_64-cuda${mebm_cuda_major})
else()
  set(CPACK_SYSTEM_NAME linux-x86_64-cpu)
endif()
set(CPACK_STRIP_FILES ON)
include(CPack)
