using System.Globalization;

namespace EcapaIlgpu.Engines.Kernels.Profiling;

/// <summary>
/// The roofline picture of a profile (Williams, Waterman and Patterson 2009): operations a byte to the right, operations a second upwards,
/// both logarithmic; the slope is what memory allows, a flat part what arithmetic allows (one for each kind that kernels are held against),
/// and a dot's area is its kernel's share of the time.
/// </summary>
internal sealed class RooflinePlot
{
    private const int Width = 1080;
    private const int Height = 700;
    private const double Left = 90;
    private const double Right = Width - 40;
    private const double Top = 90;
    private const double Bottom = Height - 70;
    private const double LabelSize = 13;
    private const double RoofLabelHeight = 22;
    private const string Ink = "#222222";
    private const string Faint = "#e4e4e4";
    private const string Roof = "#c0392b";

    private static readonly string[] Colours =
        ["#1f77b4", "#2ca02c", "#9467bd", "#ff7f0e", "#17becf", "#8c564b", "#e377c2", "#7f7f7f", "#bcbd22"];

    private readonly NetworkProfile _profile;
    private readonly KernelProfile[] _kernels;

    /// <summary>The highest first.</summary>
    private readonly OperationsCeiling[] _roofs;
    private readonly LogAxis _x;
    private readonly LogAxis _y;
    private readonly List<Box> _taken = [];

    private RooflinePlot(NetworkProfile profile)
    {
        _profile = profile;
        // A kernel without operations has no place on a logarithmic axis, nor has one that took no time.
        _kernels = [.. profile.Kernels.Where(kernel => kernel is { OperationsPerSecond: > 0, Bytes: > 0 })];
        DeviceCeilings ceilings = profile.Ceilings;
        Precision[] multiplied = [.. _kernels.Select(kernel => kernel.Multiplied).DefaultIfEmpty(Precision.Fp32).Distinct()];
        _roofs = [.. multiplied.Select(ceilings.Of).OrderByDescending(roof => roof.PerSecond)];
        double lowest = _roofs[^1].PerSecond, highest = _roofs[0].PerSecond;
        _x = LogAxis.Around([lowest / ceilings.BytesPerSecond / 3, highest / ceilings.BytesPerSecond * 3, .. _kernels.Select(Intensity)]);
        _y = LogAxis.Around([lowest / 20, highest, .. _kernels.Select(kernel => kernel.OperationsPerSecond)]);
    }

    /// <summary>Writes the picture of a profile as SVG.</summary>
    public static void Write(Stream stream, NetworkProfile profile)
    {
        string title = $"Kernels of {profile.Model} on {profile.Selector} ({profile.DeviceName}, {profile.Precision.Name()})";
        using SvgWriter svg = new(stream, Width, Height, title);
        svg.Text(Left, 34, title, 19);
        svg.Text(
            Left, 58, FormattableString.Invariant($"{profile.BatchText}, {profile.Date:yyyy-MM-dd}. A dot's area is the kernel's share of {profile.Total.Seconds * 1e3:0.0} ms."), 13,
            "#555555");
        new RooflinePlot(profile).Draw(svg);
    }

    private void Draw(SvgWriter svg)
    {
        DrawAxes(svg);
        DrawCeilings(svg);
        // Small dots last and on top; labels keep clear of every dot, so all dots are known first.
        foreach (KernelProfile kernel in _kernels)
            _taken.Add(Dot(kernel));
        for (int i = 0; i < _kernels.Length; i++)
            svg.Disc(X(_kernels[i]), Y(_kernels[i]), Radius(_kernels[i]), Colour(i));
        for (int i = 0; i < _kernels.Length; i++)
            DrawLabel(svg, _kernels[i], Colour(i));
    }

    private void DrawAxes(SvgWriter svg)
    {
        foreach (double tick in _x.Ticks())
        {
            double x = AtX(tick);
            svg.Line(x, Top, x, Bottom, Faint, 1);
            svg.Text(x, Bottom + 20, Shown(tick), 13, Ink, "middle");
        }
        foreach (double tick in _y.Ticks())
        {
            double y = AtY(tick);
            svg.Line(Left, y, Right, y, Faint, 1);
            svg.Text(Left - 10, y + 5, Shown(tick / 1e9), 13, Ink, "end");
        }
        svg.Line(Left, Bottom, Right, Bottom, Ink, 1);
        svg.Line(Left, Top, Left, Bottom, Ink, 1);
        svg.Text((Left + Right) / 2, Bottom + 48, "operations a byte", 14, Ink, "middle");
        svg.Text(28, (Top + Bottom) / 2, "GFLOP/s", 14, Ink, "middle", -90);
    }

    /// <summary>The ceilings: the memory's up to the highest of arithmetic, and each of these from where they meet on.</summary>
    private void DrawCeilings(SvgWriter svg)
    {
        double bytes = _profile.Ceilings.BytesPerSecond, above = double.NegativeInfinity;
        foreach (OperationsCeiling roof in _roofs)
        {
            DrawRoof(svg, roof, AtY(roof.PerSecond) - above < RoofLabelHeight);
            above = AtY(roof.PerSecond);
        }
        double ridge = _roofs[0].PerSecond / bytes, start = Math.Max(_x.Least, _y.Least / bytes);
        (double x1, double y1, double x2, double y2) = (AtX(start), AtY(start * bytes), AtX(ridge), AtY(_roofs[0].PerSecond));
        svg.Line(x1, y1, x2, y2, Roof, 2);
        string slope = $"copy probe: {Three(bytes / 1e9)} GB/s";
        // In the middle of the slope and along it, above the line.
        double angle = Math.Atan2(y1 - y2, x2 - x1), middleX = (x1 + x2) / 2, middleY = (y1 + y2) / 2;
        svg.Text(middleX - (8 * Math.Sin(angle)), middleY - (8 * Math.Cos(angle)), slope, 13, Roof, "middle", -angle * 180 / Math.PI);
        // A slanted line is covered by small boxes along it, deeper where its words stand.
        const int Pieces = 60;
        double half = TextWidth(slope) / 2 * Math.Cos(angle);
        for (int i = 0; i < Pieces; i++)
        {
            double x = x1 + ((x2 - x1) * i / Pieces), y = y1 + ((y2 - y1) * i / Pieces);
            double height = Math.Abs(x - middleX) < half ? RoofLabelHeight : 3;
            _taken.Add(new Box(x, y - height, x + ((x2 - x1) / Pieces), y + 3));
        }
    }

    /// <summary>
    /// A ceiling of arithmetic. Its words stand where no dots are: of the highest at the right, of the others by the slope; above the line
    /// or, where another lies close above it, below.
    /// </summary>
    private void DrawRoof(SvgWriter svg, OperationsCeiling roof, bool below)
    {
        double x = AtX(roof.PerSecond / _profile.Ceilings.BytesPerSecond), y = AtY(roof.PerSecond);
        string probe = roof == _profile.Ceilings.Of(Precision.Fp32) ? "multiply-add probe" : $"tensor probe, {roof.Name}";
        string text = $"{probe}: {Three(roof.PerSecond / 1e9)} GFLOP/s";
        svg.Line(x, y, Right, y, Roof, 2);
        bool highest = roof == _roofs[0];
        double left = highest ? Right - TextWidth(text) : x + (2 * RoofLabelHeight), top = below ? y : y - RoofLabelHeight;
        svg.Text(highest ? Right : left, below ? y + RoofLabelHeight - 6 : y - 8, text, 13, Roof, highest ? "end" : "start");
        _taken.Add(new Box(left, top, left + TextWidth(text), top + RoofLabelHeight + 3));
        _taken.Add(new Box(x, y - 3, Right, y + 3));
    }

    /// <summary>Puts a label at the nearest free place around its dot, with a line to it where that is not beside the dot.</summary>
    private void DrawLabel(SvgWriter svg, KernelProfile kernel, string colour)
    {
        string text = $"{kernel.Name} · {(kernel.Share < 0.001 ? "<0.1" : FormattableString.Invariant($"{kernel.Share * 100:0.0}"))} %";
        double width = TextWidth(text), x = X(kernel), y = Y(kernel), radius = Radius(kernel);
        (Box Box, double Gap) best = (Places(x, y, radius, width).First().Box, 0);
        foreach ((Box Box, double Gap) place in Places(x, y, radius, width))
        {
            if (place.Box is { Left: >= Left + 3, Top: >= Top, Right: <= Right, Bottom: < Bottom - 3 }
                && !_taken.Exists(place.Box.Overlaps))
            {
                best = place;
                break;
            }
        }
        _taken.Add(best.Box);
        if (best.Gap > NearGap)
        {
            // To the point of the label that is nearest to the dot.
            double toX = Math.Clamp(x, best.Box.Left, best.Box.Right), toY = Math.Clamp(y, best.Box.Top + 2, best.Box.Bottom - 2);
            svg.Line(x, y, toX, toY, colour, 1);
        }
        // The width is a guess: set from the side that faces the dot, the text keeps its distance whatever the face.
        (string anchor, double at) = best.Box.Right < x ? ("end", best.Box.Right) : best.Box.Left > x ? ("start", best.Box.Left)
            : ("middle", (best.Box.Left + best.Box.Right) / 2);
        svg.Text(at, best.Box.Bottom - 4, text, LabelSize, Ink, anchor);
    }

    private const double NearGap = 5;

    /// <summary>Places for a label: right, left, below and above, then farther out all around.</summary>
    private static IEnumerable<(Box Box, double Gap)> Places(double x, double y, double radius, double width)
    {
        const double High = LabelSize + 4;
        for (double gap = NearGap; gap < 300; gap += 12)
        {
            int directions = gap == NearGap ? 4 : 24;
            for (int i = 0; i < directions; i++)
            {
                // From the right in turns to either side, so that sideways places come before those above and below.
                double angle = 2 * Math.PI * i / directions;
                (double sine, double cosine) = Math.SinCos(angle);
                double centreX = x + (cosine * (radius + gap + (width / 2))), centreY = y + (sine * (radius + gap + (High / 2)));
                yield return (new Box(centreX - (width / 2), centreY - (High / 2), centreX + (width / 2), centreY + (High / 2)), gap);
            }
        }
    }

    private Box Dot(KernelProfile kernel)
    {
        double x = X(kernel), y = Y(kernel), radius = Radius(kernel);
        return new Box(x - radius, y - radius, x + radius, y + radius);
    }

    private double X(KernelProfile kernel) => AtX(Intensity(kernel));

    private double Y(KernelProfile kernel) => AtY(kernel.OperationsPerSecond);

    private double AtX(double value) => Left + (_x.Place(value) * (Right - Left));

    private double AtY(double value) => Bottom - (_y.Place(value) * (Bottom - Top));

    private static double Intensity(KernelProfile kernel) => kernel.Operations / kernel.Bytes;

    /// <summary>Area by share, and never too small to be seen.</summary>
    private static double Radius(KernelProfile kernel) => Math.Max(4, 34 * Math.Sqrt(kernel.Share));

    private static string Colour(int index) => Colours[index % Colours.Length];

    /// <summary>About the width of a text in a sans-serif face.</summary>
    private static double TextWidth(string text) => text.Length * LabelSize * 0.58;

    private static string Shown(double tick) => tick.ToString(tick is >= 0.001 and < 1e6 ? "#,0.###" : "0e0", CultureInfo.InvariantCulture);

    /// <summary>With three digits that count, or all of the whole part.</summary>
    private static string Three(double value) =>
        value.ToString(value >= 100 ? "#,0" : value >= 10 ? "0.0" : "0.00", CultureInfo.InvariantCulture);

    /// <summary>The decimal logarithms that an axis runs from and to.</summary>
    private readonly record struct LogAxis(double First, double Last)
    {
        /// <summary>Room at the ends, in decades: for the largest dot.</summary>
        private const double Margin = 0.2;

        /// <summary>More decades than this have ticks at powers of ten alone.</summary>
        private const int FewDecades = 4;

        public double Least => Math.Pow(10, First);

        public static LogAxis Around(IReadOnlyList<double> values) =>
            new(Math.Log10(values.Min()) - Margin, Math.Log10(values.Max()) + Margin);

        /// <summary>Where a value lies on the axis, from 0 to 1.</summary>
        public double Place(double value) => (Math.Log10(value) - First) / (Last - First);

        public IEnumerable<double> Ticks()
        {
            double[] steps = Last - First <= FewDecades ? [1, 2, 5] : [1];
            for (int decade = (int)Math.Floor(First); decade <= Last; decade++)
            {
                foreach (double step in steps)
                {
                    double tick = step * Math.Pow(10, decade);
                    if (Place(tick) is >= 0 and <= 1)
                        yield return tick;
                }
            }
        }
    }

    private readonly record struct Box(double Left, double Top, double Right, double Bottom)
    {
        public bool Overlaps(Box other) => Left < other.Right && other.Left < Right && Top < other.Bottom && other.Top < Bottom;
    }
}
