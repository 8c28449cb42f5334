#!/usr/bin/perl
# SPDX-License-Identifier: MIT
# Plant one fault at a time in the sources and see whether a test notices: `make mutate SEED=n [MUTANTS=60] [ROOMS="commands analysis mechanism"]`.
#
# A fault is a changed constant, comparison, sign or index, or a dropped statement. The work happens in a copy of the tree below BUILD, so that the checkout is
# not touched. The tests of the touched room run first, those that share a word with the file before the others, then those that have found most for the time they
# take, and the first failure ends the trial. A test counts only from its first run without a fault on: one that fails there finds nothing, and how long it took says
# when it hangs. A fault that does not compile is not counted. Survivors are printed as they were planted.
use strict;
use warnings;

my $seed = $ENV{SEED} // 1;
my $wanted = $ENV{MUTANTS} // 60;
my @rooms = split ' ', $ENV{ROOMS} // 'commands analysis mechanism';
my $build = $ENV{BUILD} // 'build/mutate';
my $seconds = $ENV{TEST_SECONDS} // 120; # a test that takes longer has noticed the fault: it hangs
my $tree = "$build/tree";
my $jobs = `nproc 2>/dev/null` || 1;
chomp $jobs;

# What the tests of a room are, the closest first.
my %tests_of = (
	commands => [ qw(tests/cli/*.sh tests/faults/*.sh tests/unit/test_*.c) ],
	intake => [ qw(tests/unit/test_names.c tests/faults/*.sh tests/cli/*.sh) ],
	show => [ qw(tests/cli/*.sh tests/faults/*.sh) ],
	analysis => [ qw(tests/unit/test_*.c tests/conformance/test_*.c tests/cli/*.sh tests/faults/*.sh) ],
	mechanism => [ qw(tests/unit/test_m*.c tests/conformance/test_*.c tests/kernel/test_*.c tests/cli/*.sh tests/faults/*.sh) ],
	tensor => [ qw(tests/unit/test_*.c tests/conformance/test_*.c tests/fuzz/test_*.c tests/cli/*.sh tests/faults/*.sh) ],
	render => [ qw(tests/unit/test_render*.c tests/fuzz/test_*.c tests/cli/*.sh tests/faults/*.sh) ],
	base => [ qw(tests/unit/test_*.c tests/cli/*.sh tests/faults/*.sh) ],
	kernel => [ qw(tests/kernel/test_*.c tests/conformance/test_*.c tests/unit/test_*.c) ],
);

# The line with comments and literals blanked out; $$in_comment goes from line to line.
sub code_of {
	my ($line, $in_comment) = @_;
	my $code = '';
	while (length $line) {
		if ($$in_comment) {
			if ($line =~ s/^(.*?\*\/)//) { $code .= ' ' x length $1; $$in_comment = 0 }
			else { $code .= ' ' x length $line; $line = '' }
		} elsif ($line =~ s/^(\/\*)//) { $code .= '  '; $$in_comment = 1 }
		elsif ($line =~ s/^(\/\/.*)//) { $code .= ' ' x length $1 }
		elsif ($line =~ s/^("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')//) { $code .= '"' x length $1 }
		elsif ($line =~ s/^(.)//s) { $code .= $1 }
	}
	return $code;
}

my @kinds = (
	[ comparison => qr/ (<|<=|>|>=|==|!=|&&|\|\|) /, sub { my %other = ('<' => '<=', '<=' => '<', '>' => '>=', '>=' => '>', '==' => '!=', '!=' => '==', '&&' => '||', '||' => '&&'); " $other{$_[0]} " } ],
	[ sign => qr/(?<=[\w)\]]) (\+|-|\*|\/|\+=|-=) (?=[\w(&*])/, sub { my %other = ('+' => '-', '-' => '+', '*' => '/', '/' => '*', '+=' => '-=', '-=' => '+='); " $other{$_[0]} " } ],
	[ index => qr/\[([a-z_]+)\]/, sub { "[$_[0] + 1]" } ],
	[ constant => qr/(?<![\w.])(\d+)(?![\w.])/, sub { $_[0] + 1 } ],
	[ constant => qr/(?<![\w.])(\d+\.\d+)(?![\w.])/, sub { $_[0] * 1.5 + 0.25 } ],
);

# Every fault of a file: [file, line number, kind, changed line].
sub faults_of {
	my ($file) = @_;
	open my $in, '<', $file or die "$file: $!\n";
	my ($in_comment, $depth, $directive, @faults) = (0, 0, 0);
	while (my $line = <$in>) {
		chomp $line;
		my $code = code_of($line, \$in_comment);
		my $continued = $directive;
		$directive = ($continued || $code =~ /^\s*#/) && $code =~ /\\$/;
		next if $continued || $code =~ /^\s*#/;
		my $inside = $depth > 0;
		$depth += ($code =~ tr/{//) - ($code =~ tr/}//);
		# Rows of tables, whose text is help: what a row does is seen elsewhere.
		next if !$inside || $code =~ /^\s*(?:\{ |OPTION_|\.\w+ = "|")/;
		for my $kind (@kinds) {
			my ($name, $pattern, $other) = @$kind;
			while ($code =~ /$pattern/g) {
				my ($from, $to, $what) = ($-[0], $+[0], $1);
				push @faults, [ $file, $., $name, substr($line, 0, $from) . $other->($what) . substr($line, $to) ];
			}
		}
		push @faults, [ $file, $., 'dropped', ($line =~ /^(\t+)/)[0] . ';' ]
			if $code =~ /^\t+[a-z_*][\w>.\[\]()*-]*(?:\(.*\)| [-+*\/|&]?= .*);$/ && $code !~ /^\t+(?:return|goto|break|continue|const|static|struct|enum|int|double|bool|char|float|size_t|\w+_t)\b/;
	}
	return @faults;
}

sub run { return system('sh', '-c', $_[0]) == 0 }

sub build { return run("make -C '$tree' -s -j$jobs BUILD=build/mutate CFLAGS='-O1 -g' $_[0] > '$build/make.log' 2>&1") }

my (%taken, %found); # seconds of each test without a fault, undefined where it fails then; faults that it found

# What a test has found for a second of its time; what is not known yet is taken to be quick.
sub worth { return (1 + ($found{$_[0]} // 0)) / (1 + ($taken{$_[0]} // 1)) }

# The tests of a room; those whose name shares a word with the file come first.
sub tests_for {
	my ($file) = @_;
	my ($room, $stem) = $file =~ m{^src/(\w+)/(?:.*/)?(\w+)\.c$};
	my %word = map { $_ => 1 } split /_/, $stem;
	my (%seen, @near, @far);
	for my $pattern (@{ $tests_of{$room} // [ 'tests/cli/*.sh' ] }) {
		for my $test (map { s{^\Q$tree\E/}{}r } glob "$tree/$pattern") {
			next if $test =~ m{/lib\.sh$|/mpi\.sh$} || $seen{$test}++;
			my @shared = grep { $word{$_} } $test =~ /([a-z0-9]+)/g;
			push @{ @shared ? \@near : \@far }, $test;
		}
	}
	return map { my $list = $_; sort { worth($b) <=> worth($a) } @$list } \(@near, @far);
}

sub passes {
	my ($test, $limit) = @_;
	my $what = $test;
	if ($test =~ /\.c$/) {
		($what = "build/mutate/$test") =~ s/\.c$//;
		return 0 unless build($what);
	}
	return run("cd '$tree' && BUILD=build/mutate CK_DEFAULT_TIMEOUT=$limit timeout $limit sh tests/run.sh --only $what > build/mutate.log 2>&1");
}

# Does the test notice the fault in the file? The first time it is run without one as well.
sub notices {
	my ($test, $file, $number, $text) = @_;
	if (!exists $taken{$test}) {
		restore($file);
		my $start = time;
		$taken{$test} = build('all') && passes($test, 10 * $seconds) ? time - $start : undef;
		print "$test fails without a fault, and is left out\n" unless defined $taken{$test};
		write_line($file, $number, $text);
		build('all');
	}
	return 0 unless defined $taken{$test};
	my $limit = 5 * $taken{$test};
	return !passes($test, $limit > $seconds ? $limit : $seconds) && ++$found{$test};
}

sub restore { return run("cp '$_[0]' '$tree/$_[0]'") }

sub write_line {
	my ($file, $number, $text) = @_;
	open my $in, '<', $file or die "$file: $!\n";
	my @lines = <$in>;
	close $in;
	$lines[$number - 1] = "$text\n";
	open my $out, '>', "$tree/$file" or die "$tree/$file: $!\n";
	print $out @lines;
	close $out or die "$tree/$file: $!\n";
}

srand $seed;
my @all = map { faults_of($_) } map { (glob("src/$_/*.c"), glob("src/$_/*/*.c")) } @rooms;
$| = 1;
printf "%d faults are possible in %s; %d of them with seed %s\n", scalar @all, "@rooms", $wanted, $seed;
run("mkdir -p '$tree' && cp -R Makefile src tests samples man '$tree'/") or die "the tree cannot be copied\n";
run("ln -sfn '" . `realpath ../shared 2>/dev/null` =~ s/\n//r . "' '$build/shared'") if -d '../shared';
build('all') or die "the tree does not build: see $build/make.log\n";

my ($planted, $killed, @survivors) = (0, 0);
while ($planted < $wanted && @all) {
	my ($file, $number, $kind, $text) = @{ splice @all, int rand @all, 1 };
	write_line($file, $number, $text);
	if (build('all')) {
		$planted++;
		my $killer;
		for my $test (tests_for($file)) {
			$killer = $test, last if notices($test, $file, $number, $text);
		}
		$killed++ if $killer;
		push @survivors, "$file:$number: $kind: $text" unless $killer;
		printf "%3d %s %s:%d %s%s\n", $planted, $killer ? 'killed  ' : 'SURVIVED', $file, $number, $kind, $killer ? " by $killer" : ": $text";
	}
	restore($file);
}
printf "%d of %d faults were noticed (%.0f %%)\n", $killed, $planted, $planted ? 100 * $killed / $planted : 0;
print "survived:\n", map { "  $_\n" } @survivors if @survivors;
