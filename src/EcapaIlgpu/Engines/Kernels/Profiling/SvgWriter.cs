using System.Globalization;
using System.Xml;

namespace EcapaIlgpu.Engines.Kernels.Profiling;

/// <summary>Writes the few shapes that a plot is made of as SVG, with two decimals of a pixel.</summary>
internal sealed class SvgWriter : IDisposable
{
    private readonly XmlWriter _xml;

    /// <summary>Begins a picture on white ground.</summary>
    public SvgWriter(Stream stream, int width, int height, string title)
    {
        _xml = XmlWriter.Create(
            stream, new XmlWriterSettings { Indent = true, NewLineChars = "\n", Encoding = new System.Text.UTF8Encoding(false) });
        _xml.WriteStartElement("svg", "http://www.w3.org/2000/svg");
        Attributes(("viewBox", FormattableString.Invariant($"0 0 {width} {height}")), ("width", Number(width)), ("height", Number(height)),
            ("font-family", "Helvetica, Arial, 'DejaVu Sans', sans-serif"));
        _xml.WriteElementString("title", "http://www.w3.org/2000/svg", title);
        Rectangle(0, 0, width, height, "white");
    }

    /// <summary>A filled rectangle.</summary>
    public void Rectangle(double x, double y, double width, double height, string fill) =>
        Element("rect", ("x", Number(x)), ("y", Number(y)), ("width", Number(width)), ("height", Number(height)), ("fill", fill));

    /// <summary>A straight line.</summary>
    public void Line(double x1, double y1, double x2, double y2, string stroke, double width) => Element(
        "line", ("x1", Number(x1)), ("y1", Number(y1)), ("x2", Number(x2)), ("y2", Number(y2)), ("stroke", stroke),
        ("stroke-width", Number(width)));

    /// <summary>A disc that lets what is behind it show.</summary>
    public void Disc(double x, double y, double radius, string fill) => Element(
        "circle", ("cx", Number(x)), ("cy", Number(y)), ("r", Number(radius)), ("fill", fill), ("fill-opacity", "0.7"), ("stroke", "white"),
        ("stroke-width", "1"));

    /// <summary>A line of text; its baseline starts, has its middle or ends at the point.</summary>
    /// <param name="x">The point.</param>
    /// <param name="y">The point.</param>
    /// <param name="text">The text.</param>
    /// <param name="size">Height of the letters in pixels.</param>
    /// <param name="fill">Colour.</param>
    /// <param name="anchor"><c>start</c>, <c>middle</c> or <c>end</c>.</param>
    /// <param name="degrees">Turned about the point, clockwise.</param>
    public void Text(double x, double y, string text, double size, string fill = "#222222", string anchor = "start", double degrees = 0)
    {
        _xml.WriteStartElement("text");
        Attributes(("x", Number(x)), ("y", Number(y)), ("font-size", Number(size)), ("fill", fill), ("text-anchor", anchor));
        if (degrees != 0)
            _xml.WriteAttributeString("transform", $"rotate({Number(degrees)} {Number(x)} {Number(y)})");
        _xml.WriteString(text);
        _xml.WriteEndElement();
    }

    /// <summary>Ends the picture; the stream stays open.</summary>
    public void Dispose() => _xml.Dispose();

    private void Element(string name, params ReadOnlySpan<(string Name, string Value)> attributes)
    {
        _xml.WriteStartElement(name);
        Attributes(attributes);
        _xml.WriteEndElement();
    }

    private void Attributes(params ReadOnlySpan<(string Name, string Value)> attributes)
    {
        foreach ((string name, string value) in attributes)
            _xml.WriteAttributeString(name, value);
    }

    private static string Number(double value) => value.ToString("0.##", CultureInfo.InvariantCulture);
}
