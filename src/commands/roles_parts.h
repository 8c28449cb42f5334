/* SPDX-License-Identifier: MIT */
/*
 * Between the files of the roles: what they share and others need not see.
 */
#ifndef ATTNVIZ_COMMANDS_ROLES_PARTS_H
#define ATTNVIZ_COMMANDS_ROLES_PARTS_H

#include "commands/roles.h"

/* The archive of a file, opened once. */
enum err roles_open_archive(struct roles *roles, const char *file, struct archive **archive, struct err_info *info);

/* FILE[:NAME] of the command line: `whole` is where it begins in argv. *member is the tensor's place, or -1 where a container was given without a name. */
enum err roles_open_spec(struct roles *roles, const char *spec, struct archive **archive, int64_t *member, struct err_info *info);

/* Which array each mention of a stream reads, in the order of the command line. Nothing is opened. */
enum err roles_list_streams(struct roles *roles, const struct roles_request *request, struct err_info *info);

/* The role of that word, made where there is none; NULL when out of memory. */
struct role *roles_add(struct roles *roles, const char *word, enum name_role kind, struct err_info *info);
enum err role_add_part(struct role *role, struct archive *archive, size_t index, const char *name, struct err_info *info);

/* An .npy of one array, which the file names. */
bool roles_is_nameless(const struct archive *archive);

/* Does a bare --names PATTERN, where there is any, let the name pass? */
bool roles_name_counts(const struct string_list *names, const char *name);

/* Every tensor of a container that can be the role, for an option that gave no name. */
enum err roles_expand(struct role *role, struct archive *archive, const struct string_list *names, struct err_info *info);

/* Number the layers of one role, and of every role. */
enum err roles_number_one(struct roles *roles, struct role *role, const struct plan_request *request, struct err_info *info);
enum err roles_number(struct roles *roles, const struct roles_request *request, struct err_info *info);

#endif
