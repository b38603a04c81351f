/* What the bindings of the CUDA driver are generated from: the driver's own header and the structs of the kernels. */
#include <cuda.h>

#include "plan.h"
