#pragma once
// MEBM_MULTIVERSION compiles a function for several x86-64 levels; the loader picks one at run time. Put it
// on plain (non-template) functions and mark everything they call always_inline, so that the callee is
// compiled for the level too. Sanitizer builds skip it: their run-time is not ready when ifuncs resolve.

#if defined(__x86_64__) && defined(__gnu_linux__) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__) && !defined(__clang__)
#define MEBM_MULTIVERSION __attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4")))
#else
#define MEBM_MULTIVERSION
#endif

#define MEBM_INLINE inline __attribute__((always_inline))
