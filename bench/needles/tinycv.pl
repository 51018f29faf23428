# The outside oracle: tinycv, openQA's own matcher, asked as openQA asks it. From Debian's package os-autoinst.
# usage: perl tinycv.pl RATIO REPETITIONS NEEDLE.json… -- PICTURE…
# One JSON line a pair: {file, needle, ms, areas: [{similarity, x, y}]}. `ms`: the quickest of the repetitions, each on a
# fresh picture, reading files left out.
use strict;
use warnings;
use lib '/usr/lib/os-autoinst';
use Mojo::JSON qw(decode_json);
use Time::HiRes 'time';
use tinycv;

my ($ratio, $repetitions, @rest) = @ARGV;
my (@needles, @files);
my $list = \@needles;
for (@rest) { if ($_ eq '--') { $list = \@files } else { push @$list, $_ } }

sub slurp { my ($file) = @_; local $/; open my $in, '<', $file or die "$file: $!"; return <$in> }
sub paint { my ($image, @areas) = @_; $image->replacerect(@{$_}{qw(xpos ypos width height)}) for @areas; return $image }
sub kind { my ($area) = @_; return $area->{type} || 'match' }

my @known = map {
    my $file = $_;
    (my $picture = $file) =~ s/\.json$/.png/;
    my @areas = @{decode_json(slurp($file))->{area}};
    my @exclude = grep { kind($_) eq 'exclude' } @areas;
    { file => $file, match => [grep { kind($_) eq 'match' } @areas], exclude => \@exclude, picture => $picture }
} @needles;

for my $file (@files) {
    for my $needle (@known) {
        my ($least, @found);
        for (1 .. $repetitions) {
            # Read anew for each: what an image was asked for before changes how it is rounded.
            my $image = tinycv::read($file);
            my $wanted = paint(tinycv::read($needle->{picture}), @{$needle->{exclude}});
            $wanted->search_needle($wanted, @{$needle->{match}[0]}{qw(xpos ypos width height)}, 0) if $repetitions > 1;
            my $start = time;
            $image = paint($image->copy, @{$needle->{exclude}}) if @{$needle->{exclude}};
            @found = map {
                my $margin = $_->{margin} || 50;
                [$image->search_needle($wanted, @{$_}{qw(xpos ypos width height)}, int($margin + $ratio * (1024 - $margin)))]
            } @{$needle->{match}};
            my $took = time - $start;
            $least = $took if !defined $least || $took < $least;
        }
        my $areas = join ',', map { sprintf '{"similarity":%.17g,"x":%d,"y":%d}', @$_ } @found;
        printf qq({"file":"%s","needle":"%s","ms":%.4f,"areas":[%s]}\n), $file, $needle->{file}, $least * 1000, $areas;
    }
}
