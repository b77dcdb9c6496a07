# Run at installation, with MEBM_PROGRAMS: the programs' shared libraries go to lib/ and their notices to share/doc.
# Left out: glibc, which a program cannot bring along, and CUDA's libraries, which belong to the machine with the
# GPU. The archive is made on a Debian system: its packages have the notices.
cmake_policy(VERSION 3.25)
set(left_out "^(linux-vdso|ld-linux.*|lib(c|m|dl|pthread|rt|resolv|util|nsl|anl))\\.so"
             "^lib(cuda|cudart|cublas|cublasLt|cudnn|cudnn_.*|nvrtc.*|nvJitLink|nccl)\\.so")
set(compiler "libstdc++.so.6" "libgcc_s.so.1")

file(GET_RUNTIME_DEPENDENCIES EXECUTABLES ${MEBM_PROGRAMS}
  RESOLVED_DEPENDENCIES_VAR libraries UNRESOLVED_DEPENDENCIES_VAR unresolved CONFLICTING_DEPENDENCIES_PREFIX conflicts
  PRE_EXCLUDE_REGEXES ${left_out})
if(unresolved OR conflicts_FILENAMES)
  message(FATAL_ERROR "libraries of ${MEBM_PROGRAMS} not found: ${unresolved}; found in two places: ${conflicts_FILENAMES}")
endif()

set(prefix "$ENV{DESTDIR}${CMAKE_INSTALL_PREFIX}")
set(notices "${prefix}/share/doc/mebm_engine/libraries")
set(rows "")
# keep_notice(<package> <what>): the notice of a Debian package, and a row of the list.
function(keep_notice package what)
  execute_process(COMMAND dpkg-query -W -f "\${source:Package} \${source:Version}\n" ${package}
    OUTPUT_VARIABLE source COMMAND_ERROR_IS_FATAL ANY)
  string(REGEX MATCH "^[^\n]+" source "${source}")
  set(rows ${rows} "${what}: Debian package ${package}, source ${source}, notice ${package}.txt" PARENT_SCOPE)
  file(COPY_FILE /usr/share/doc/${package}/copyright ${notices}/${package}.txt ONLY_IF_DIFFERENT)
endfunction()

file(MAKE_DIRECTORY ${notices})

# Header libraries and static ones.
set(inside libarchive-dev libcli11-dev libeigen3-dev libjs-chart.js nlohmann-json3-dev)
if(MEBM_PROGRAMS MATCHES "_test")
  list(APPEND inside libgtest-dev)
endif()
foreach(package ${inside})
  keep_notice(${package} "inside the programs")
endforeach()
foreach(library ${libraries})
  get_filename_component(name ${library} NAME)
  get_filename_component(real ${library} REALPATH)
  set(folder lib)
  if(name IN_LIST compiler)
    set(folder lib/compiler)
  endif()
  get_filename_component(file ${real} NAME)
  file(COPY ${real} DESTINATION ${prefix}/${folder})
  if(NOT file STREQUAL name)
    file(RENAME ${prefix}/${folder}/${file} ${prefix}/${folder}/${name})
  endif()
  # Debian knows the files of a merged /usr by either name.
  string(REGEX REPLACE "^/usr/" "/" short ${real})
  execute_process(COMMAND dpkg-query -S ${real} ${short} OUTPUT_VARIABLE owner ERROR_QUIET)
  if(NOT owner MATCHES "^([^:]+)(:[^:]+)?: ")
    message(FATAL_ERROR "${real} is no file of a Debian package: its licence notice is not known; build the archive "
                        "against Debian's libraries")
  endif()
  keep_notice(${CMAKE_MATCH_1} ${folder}/${name})
endforeach()
file(COPY /usr/share/common-licenses DESTINATION ${notices} FOLLOW_SYMLINK_CHAIN)
list(SORT rows)
list(JOIN rows "\n" rows)
file(WRITE ${notices}/README.txt
"The libraries in lib/ are unchanged copies from Debian packages; the others are parts of the programs. Sources:
https://snapshot.debian.org/package/<source>/<version>/. A library in lib/ may be replaced by another version with the
same name. The licence texts that the notices speak of are in common-licenses/.

${rows}
")
