#!/usr/bin/env bash
# Starts a program of the portable archive: ../libexec/NAME, NAME as this file is called. Its own libraries it
# finds by itself (../lib); this adds, only where the loader misses something:
#   the archive's C++ run-time (../lib/compiler), where the system's is absent or older;
#   the folders of CUDA, cuDNN and cuBLAS, from /usr/local/cuda and from the nvidia packages of python3 on PATH.
# What LD_LIBRARY_PATH names comes first. Exit status 2 and one line where a library is still missing.
# MEBM_LAUNCH: a command to start the program with (compute-sanitizer, gdb --args).
set -u
name=${0##*/}
root=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.." && pwd)
readonly name root program=$root/libexec/$name

# trace PATH: what the loader cannot find with this LD_LIBRARY_PATH, one library or version a line.
trace() {
  LD_LIBRARY_PATH=$1 ldd "$program" 2>&1 |
    sed -n -e 's/^[[:space:]]*\([^ ]*\) => not found.*/\1/p' -e "s/.*version \`\([^']*\)' not found.*/\1/p" | sort -u
}

# Folders that may hold CUDA's libraries, best first.
cuda_folders() {
  local folder
  for folder in /usr/local/cuda/{lib64,lib,targets/x86_64-linux/lib}; do
    [[ -d $folder ]] && echo "$folder"
  done
  command -v python3 >/dev/null || return 0
  python3 -c 'import glob, sys
for path in sys.path:
    for folder in sorted(glob.glob(path + "/nvidia/*/lib")) if path else ():
        print(folder)' 2>/dev/null
}

# package_of LIBRARY CUDA: what to install, in pip's words; CUDA is the major version that the program needs.
package_of() {
  local suffix=-cu$2
  ((${2:-0} < 13)) || suffix=''
  case $1 in
    libcudart.so.*) echo "nvidia-cuda-runtime$suffix" ;;
    libcublas.so.* | libcublasLt.so.*) echo "nvidia-cublas$suffix" ;;
    libcudnn.so.*) echo "nvidia-cudnn-cu$2" ;;
  esac
}

refuse() {
  local missing=$1 glibc library packages cuda advice
  glibc=$(grep '^GLIBC_' <<<"$missing" | sort -V | tail -n 1)
  if [[ -n $glibc ]]; then
    echo "$name: the glibc of this system is too old: ${glibc#GLIBC_} is needed; use a newer Linux" >&2
    exit 2
  fi
  cuda=$(grep -aom1 'libcudart\.so\.[0-9]*' "$program")
  packages=$(for library in $missing; do package_of "$library" "${cuda##*.}"; done | sort -u | paste -sd' ')
  advice="install them"
  [[ -z $packages ]] || advice="install CUDA ${cuda##*.} and cuDNN 9 (or: pip install $packages)"
  echo "$name: missing ${missing//$'\n'/, }; looked in the path of the loader, in /usr/local/cuda and in the nvidia" \
    "packages of python3; $advice or name their folders in LD_LIBRARY_PATH" >&2
  exit 2
}

[[ -x $program ]] || { echo "$name: $program is not there; unpack the archive again" >&2; exit 2; }
path=${LD_LIBRARY_PATH:-}
missing=$(trace "$path")
if [[ -n $missing ]]; then
  if grep -q -e '^GLIBCXX' -e '^CXXABI' -e '^GCC_' -e '^libstdc++' -e '^libgcc_s' <<<"$missing"; then
    path=$root/lib/compiler${path:+:$path}
  fi
  if grep -q '^libcu' <<<"$missing"; then
    folders=$(cuda_folders | paste -sd:)
    path=${path:+$path${folders:+:}}$folders
  fi
  missing=$(trace "$path")
  [[ -z $missing ]] || refuse "$missing"
  export LD_LIBRARY_PATH=$path
fi
read -ra launch <<<"${MEBM_LAUNCH:-}"
exec ${launch[@]+"${launch[@]}"} "$program" "$@"
