#include "mechanism/mask.h"
