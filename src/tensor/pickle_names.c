/* SPDX-License-Identifier: MIT */
#include "tensor/pickle_names.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

/* A star ends a word that may go on. */
static const struct name_row {
	const char *module, *name;
	enum pickle_meaning meaning;
} name_table[] = {
	{ "collections", "OrderedDict", MEANING_DICT },
	{ "collections", "defaultdict", MEANING_DICT },
	{ "collections", "Counter", MEANING_DICT },
	{ "collections", "deque", MEANING_LIST },
	{ "builtins", "dict", MEANING_DICT },            { "__builtin__", "dict", MEANING_DICT },
	{ "builtins", "list", MEANING_LIST },            { "__builtin__", "list", MEANING_LIST },
	{ "builtins", "tuple", MEANING_LIST },           { "__builtin__", "tuple", MEANING_LIST },
	{ "builtins", "set", MEANING_INERT },            { "__builtin__", "set", MEANING_INERT },
	{ "builtins", "frozenset", MEANING_INERT },      { "__builtin__", "frozenset", MEANING_INERT },
	{ "builtins", "slice", MEANING_INERT },          { "__builtin__", "slice", MEANING_INERT },
	{ "builtins", "range", MEANING_INERT },          { "__builtin__", "xrange", MEANING_INERT },
	{ "builtins", "complex", MEANING_INERT },        { "__builtin__", "complex", MEANING_INERT },
	{ "builtins", "object", MEANING_CLASS },         { "__builtin__", "object", MEANING_CLASS },
	{ "builtins", "int", MEANING_CLASS },            { "__builtin__", "int", MEANING_CLASS },
	{ "builtins", "float", MEANING_CLASS },          { "__builtin__", "float", MEANING_CLASS },
	{ "builtins", "bool", MEANING_CLASS },           { "__builtin__", "bool", MEANING_CLASS },
	{ "builtins", "str", MEANING_CLASS },            { "__builtin__", "unicode", MEANING_CLASS },
	{ "builtins", "bytes", MEANING_BYTES },          { "__builtin__", "bytes", MEANING_BYTES },
	{ "builtins", "bytearray", MEANING_BYTES },      { "__builtin__", "bytearray", MEANING_BYTES },
	{ "_codecs", "encode", MEANING_BYTES },
	{ "copyreg", "_reconstructor", MEANING_RECONSTRUCTOR }, { "copy_reg", "_reconstructor", MEANING_RECONSTRUCTOR },
	{ "argparse", "Namespace", MEANING_CLASS },      { "types", "SimpleNamespace", MEANING_CLASS },
	{ "datetime", "*", MEANING_CLASS },              { "pathlib", "*", MEANING_CLASS },
	{ "uuid", "UUID", MEANING_CLASS },               { "decimal", "Decimal", MEANING_CLASS },
	{ "fractions", "Fraction", MEANING_CLASS },

	{ "torch", "Size", MEANING_LIST },
	{ "torch", "device", MEANING_CLASS },
	{ "torch.serialization", "_get_layout", MEANING_CLASS },
	{ "torch.storage", "_load_from_bytes", MEANING_STORAGE_BYTES },
	{ "torch._utils", "_rebuild_tensor", MEANING_TENSOR },
	{ "torch._utils", "_rebuild_tensor_v2", MEANING_TENSOR },
	{ "torch._utils", "_rebuild_tensor_v3", MEANING_TENSOR_TYPED },
	{ "torch._utils", "_rebuild_parameter", MEANING_SAME_TENSOR },
	{ "torch._utils", "_rebuild_parameter_with_state", MEANING_SAME_TENSOR },
	{ "torch._utils", "_rebuild_device_tensor_from_cpu_tensor", MEANING_SAME_TENSOR },
	{ "torch._utils", "_rebuild_*", MEANING_ODD_TENSOR },
	{ "torch._tensor", "_rebuild_from_type*", MEANING_TENSOR_OF_TYPE },
	{ "torch.tensor", "_rebuild_from_type*", MEANING_TENSOR_OF_TYPE },
	{ "torch.distributed.tensor*", "DTensor", MEANING_ODD_TENSOR },

	{ "numpy.core.multiarray", "_reconstruct", MEANING_ARRAY }, { "numpy._core.multiarray", "_reconstruct", MEANING_ARRAY },
	{ "numpy.core.multiarray", "scalar", MEANING_INERT },      { "numpy._core.multiarray", "scalar", MEANING_INERT },
	{ "numpy.core.numeric", "_frombuffer", MEANING_ARRAY_BUFFER }, { "numpy._core.numeric", "_frombuffer", MEANING_ARRAY_BUFFER },
	{ "numpy", "dtype", MEANING_DTYPE },
};

/* The modules that come with Python, of version 2 and 3, and what installs others: whatever of them is not in the table above does more than hold
 * data. */
static const char standard_modules[] =
	" BaseHTTPServer Queue SimpleHTTPServer SocketServer StringIO __builtin__ __builtins__ __future__ _abc "
	"_aix_support _ast _asyncio _bisect _blake2 _bootsubprocess _bz2 _codecs _codecs_cn _codecs_hk _codecs_iso2022 "
	"_codecs_jp _codecs_kr _codecs_tw _collections _collections_abc _compat_pickle _compression _contextvars _crypt "
	"_csv _ctypes _ctypes_test _curses _curses_panel _datetime _dbm _decimal _elementtree _frozen_importlib "
	"_frozen_importlib_external _functools _gdbm _hashlib _heapq _imp _io _json _locale _lsprof _lzma _markupbase "
	"_md5 _msi _multibytecodec _multiprocessing _opcode _operator _osx_support _overlapped _pickle _posixshmem "
	"_posixsubprocess _py_abc _pydecimal _pyio _queue _random _scproxy _sha1 _sha256 _sha3 _sha512 _signal "
	"_sitebuiltins _socket _sqlite3 _sre _ssl _stat _statistics _string _strptime _struct _symtable _testcapi "
	"_thread _threading_local _tkinter _tokenize _tracemalloc _typing _uuid _warnings _weakref _weakrefset _winapi "
	"_winreg _zoneinfo abc aifc antigravity anydbm argparse array ast asynchat asyncio asyncore atexit audioop "
	"base64 bdb binascii bisect builtins bz2 cPickle cProfile cStringIO calendar cgi cgitb chunk cmath cmd code "
	"codecs codeop collections colorsys commands compileall compiler concurrent configparser contextlib contextvars "
	"copy copy_reg copyreg crypt csv ctypes curses dataclasses datetime dbhash dbm decimal difflib dis distutils dl "
	"doctest dumbdbm dummy_thread email encodings ensurepip enum errno exceptions faulthandler fcntl filecmp "
	"fileinput fnmatch fractions ftplib functools gc genericpath getopt getpass gettext glob graphlib grp gzip "
	"hashlib heapq hmac html http httplib idlelib ihooks imaplib imghdr imp importlib imputil inspect io ipaddress "
	"itertools json keyword lib2to3 linecache locale logging lzma mailbox mailcap marshal math md5 mimetypes mmap "
	"modulefinder msilib msvcrt multiprocessing netrc new nis nntplib nt ntpath nturl2path numbers opcode operator "
	"optparse os os2emxpath ossaudiodev pathlib pdb pickle pickletools pip pipes pkg_resources pkgutil platform "
	"plistlib popen2 poplib posix posixfile posixpath pprint profile pstats pty pwd py_compile pyclbr pydoc "
	"pydoc_data pyexpat queue quopri random re readline reprlib resource rlcompleter runpy sched secrets select "
	"selectors sets setuptools sha shelve shlex shutil signal site sitecustomize smtpd smtplib sndhdr socket "
	"socketserver spwd sqlite3 sre_compile sre_constants sre_parse ssl stat statistics statvfs string stringprep "
	"struct subprocess sunau symtable sys sysconfig syslog tabnanny tarfile telnetlib tempfile termios "
	"textwrap this thread threading time timeit tkinter token tokenize tomllib trace traceback tracemalloc tty "
	"turtle turtledemo types typing unicodedata unittest urllib urllib2 urlparse user uu uuid venv warnings wave "
	"weakref webbrowser whichdb winreg winsound wsgiref xdrlib xml xmlrpc xmlrpclib zipapp zipfile zipimport zlib "
	"zoneinfo ";

static bool matches(const char *pattern, const char *word, size_t length)
{
	size_t fixed = strlen(pattern);
	if (fixed && pattern[fixed - 1] == '*')
		return length >= fixed - 1 && memcmp(pattern, word, fixed - 1) == 0;
	return length == fixed && memcmp(pattern, word, length) == 0;
}

static bool is_standard(const char *module, size_t length)
{
	const char *dot = memchr(module, '.', length);
	size_t top = dot ? (size_t)(dot - module) : length;
	if (top == 0)
		return true;
	for (const char *at = standard_modules + 1; (at = memmem(at, strlen(at), module, top)); at++)
		if (at[-1] == ' ' && at[top] == ' ')
			return true;
	return false;
}

/* torch.FloatStorage, torch.cuda.HalfStorage, torch.storage.UntypedStorage */
static bool is_storage(const char *module, size_t module_length, const char *name, size_t name_length)
{
	static const char end[] = "Storage";
	size_t length = sizeof end - 1;
	bool torch = module_length >= 5 && memcmp(module, "torch", 5) == 0 && (module_length == 5 || module[5] == '.');
	return torch && name_length >= length && memcmp(name + name_length - length, end, length) == 0;
}

/* CamelCase, as Python's style guide spells classes, behind any underscores and outer classes: _Cache, Outer.Inner. */
static bool is_class(const char *name, size_t length)
{
	const char *dot = memrchr(name, '.', length);
	size_t at = dot ? (size_t)(dot - name) + 1 : 0;
	while (at < length && name[at] == '_')
		at++;
	return at < length && isupper((unsigned char)name[at]);
}

enum pickle_meaning pickle_meaning(const char *module, size_t module_length, const char *name, size_t name_length)
{
	for (size_t i = 0; i < sizeof name_table / sizeof name_table[0]; i++)
		if (matches(name_table[i].module, module, module_length) && matches(name_table[i].name, name, name_length))
			return name_table[i].meaning;
	if (is_standard(module, module_length) || name_length == 0)
		return MEANING_REFUSED;
	if (is_storage(module, module_length, name, name_length))
		return MEANING_STORAGE;
	return is_class(name, name_length) ? MEANING_CLASS : MEANING_FUNCTION;
}
