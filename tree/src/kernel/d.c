#include "kernel/../render/scene.h"
