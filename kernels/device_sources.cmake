# Every file with device kernels, relative to kernels/. nvcc compiles them for GPUs; the host compiler compiles
# the same files for the emulator (tests/emulated).
set(MEBM_DEVICE_KERNELS
  elementwise/elementwise.cu
  langevin_step/langevin_step.cu
  linear/linear.cu
  pool/pool.cu
  reorder/reorder.cu
  sgd_step/sgd_step.cu
  softmax/softmax.cu)
