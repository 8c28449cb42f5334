/* For scripts: `peak FILE COMMAND...` runs the command and appends its peak resident memory in KiB as a line of FILE. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	if (argc < 3)
		return EXIT_FAILURE;
	pid_t child = fork();
	if (child == 0) {
		execvp(argv[2], argv + 2);
		_exit(127);
	}
	int status;
	struct rusage usage;
	if (child < 0 || wait4(child, &status, 0, &usage) != child)
		return EXIT_FAILURE;
	FILE *file = fopen(argv[1], "a");
	if (!file)
		return EXIT_FAILURE;
	fprintf(file, "%ld\n", usage.ru_maxrss);
	fclose(file);
	return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
}
