/* SPDX-License-Identifier: MIT */
/*
 * For scripts: `peak FILE COMMAND...` runs the command and appends a line to FILE: its peak resident memory in KiB, and the processor time that it
 * took in ms.
 */
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
	const struct timeval *user = &usage.ru_utime, *system = &usage.ru_stime;
	fprintf(file, "%ld %ld\n", usage.ru_maxrss, (long)(user->tv_sec + system->tv_sec) * 1000 + (long)(user->tv_usec + system->tv_usec) / 1000);
	fclose(file);
	return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
}
