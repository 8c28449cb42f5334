/* SPDX-License-Identifier: MIT */
#include "base/output_guard.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mapped.h"
#include "base/message.h"
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

/* What each signal did before, for the death after the sweep. */
static struct sigaction before[NSIG];

/* The kernel sends these to a write that cannot be, and does not send them from elsewhere; without them the write says why. */
static bool answers_own_write(int number, const siginfo_t *info)
{
	return (number == SIGPIPE || number == SIGXFSZ) && info->si_pid == getpid();
}

/* A page of an input that the file no longer has: the one end that is no death, as the input is to blame. Of several threads that
 * meet it one speaks. */
static void end_for_input(const siginfo_t *info)
{
	static atomic_flag spoken = ATOMIC_FLAG_INIT;
	const char *line = info->si_code > 0 ? mapped_line(info->si_addr) : NULL;
	if (!line)
		return;
	while (atomic_flag_test_and_set(&spoken))
		pause();
	(void)!write(STDERR_FILENO, line, strlen(line));
	_exit(EXIT_FAILED);
}

/* The signal is blocked until this returns: raised again, it ends the process then, with the status that the parent expects and the
 * memory as it was. */
static void remove_and_die(int number, siginfo_t *info, void *context)
{
	(void)context;
	int kept = errno;
	if (answers_own_write(number, info))
		return;
	output_guard_sweep();
	if (number == SIGBUS)
		end_for_input(info);
	sigaction(number, &before[number], NULL);
	raise(number);
	errno = kept;
}

/* Stopping, going on, and what nobody need notice. */
static bool is_harmless(int number)
{
	static const int harmless[] = { SIGCHLD, SIGCONT, SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU, SIGURG, SIGWINCH };
	for (size_t i = 0; i < sizeof harmless / sizeof harmless[0]; i++)
		if (number == harmless[i])
			return true;
	return false;
}

/* A fault of the program itself; sanitizers catch them before we do, and are given them back. */
static bool is_fault(int number)
{
	return number == SIGSEGV || number == SIGBUS || number == SIGFPE || number == SIGILL || number == SIGABRT;
}

/* A stack that ran over cannot run a handler. */
static void give_handlers_a_stack(void)
{
	static unsigned char space[64 << 10];
	stack_t old, own = { .ss_sp = space, .ss_size = sizeof space };
	if (sigaltstack(NULL, &old) == 0 && (old.ss_flags & SS_DISABLE))
		sigaltstack(&own, NULL);
}

void output_guard_signals(void)
{
	struct sigaction action = { .sa_sigaction = remove_and_die, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART };
	sigfillset(&action.sa_mask);
	give_handlers_a_stack();
	for (int number = 1; number < NSIG; number++) {
		if (is_harmless(number) || sigaction(number, NULL, &before[number]) != 0)
			continue;
		/* nohup and background jobs of a shell start with signals ignored; that stands. So does a profiler's handler. */
		if (before[number].sa_handler == SIG_DFL || (is_fault(number) && before[number].sa_handler != SIG_IGN))
			sigaction(number, &action, NULL);
	}
	atexit(output_guard_sweep);
}
