using Spectre.Console.Rendering;

namespace EcapaIlgpu.Cli;

/// <summary>
/// A line that takes the place of the progress bar, which is then drawn anew below it. The bar erases nothing itself: what is left of it
/// would stand beside the second line of a message that is wider than the terminal.
/// </summary>
internal sealed class AboveBar(IRenderable message) : Renderable
{
    private const string EraseBelow = "\u001b[J";

    protected override IEnumerable<Segment> Render(RenderOptions options, int maxWidth)
    {
        if (options.Ansi)
            yield return Segment.Control(EraseBelow);
        foreach (Segment segment in message.Render(options, maxWidth))
            yield return segment;
        yield return Segment.LineBreak;
    }
}
