#include <stdio.h>
#include <stdlib.h>
int main(void) { puts(getenv("HOME")); fprintf(stderr, "%d", 1); free(malloc(3)); exit(2); }
