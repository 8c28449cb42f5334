#include "base/output_guard.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/output.h"

enum { SLOTS = 32 };

/* A signal handler has no argument to receive it through. Lock-free, so that the handler may read it at any moment. */
static const char *_Atomic temporaries[SLOTS];

int output_guard_enter(const char *path)
{
	for (int slot = 0; slot < SLOTS; slot++) {
		const char *empty = NULL;
		if (atomic_compare_exchange_strong(&temporaries[slot], &empty, path))
			return slot;
	}
	return -1;
}

void output_guard_strike(int slot)
{
	if (slot >= 0)
		atomic_store(&temporaries[slot], NULL);
}

void output_guard_sweep(void)
{
	for (int slot = 0; slot < SLOTS; slot++) {
		const char *path = atomic_load(&temporaries[slot]);
		if (path)
			unlink(path);
	}
}

/* The handler is reset before it runs and its signal blocked until it returns: raising it again kills the process then,
 * with the status that the parent expects. */
static void remove_and_die(int signal_number)
{
	int kept = errno;
	output_guard_sweep();
	raise(signal_number);
	errno = kept;
}

void output_guard_signals(void)
{
	static const int deadly[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction action = { .sa_handler = remove_and_die, .sa_flags = (int)SA_RESETHAND };
	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < sizeof deadly / sizeof deadly[0]; i++) {
		struct sigaction before;
		/* nohup and background jobs of a shell start with the signal ignored; that stands. */
		if (sigaction(deadly[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
			sigaction(deadly[i], &action, NULL);
	}
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* over the size limit, write then says EFBIG */
	atexit(output_guard_sweep);
}
