# include "tensor/npy.h"
