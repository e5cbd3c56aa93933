namespace EcapaIlgpu;

/// <summary>
/// Something given to the library cannot be used: an audio file, a checkpoint, a manifest. The message is written for the person
/// who gave it: it names the source, what was found, what was expected and what to do. Every reader throws this and nothing else
/// on bad input; programming errors stay <see cref="ArgumentException"/>.
/// </summary>
public sealed class InputException : Exception
{
    /// <summary>An unusable input.</summary>
    /// <param name="source">The file, stream or manifest line at fault.</param>
    /// <param name="problem">What was found, what was expected and what to do.</param>
    /// <param name="inner">The cause, where there is one.</param>
    public InputException(string source, string problem, Exception? inner = null)
        : base($"{source}: {problem}", inner)
    {
        InputName = source;
        Problem = problem;
    }

    /// <summary>The file, stream or manifest line at fault.</summary>
    public string InputName { get; }

    /// <summary>The message without the name in front.</summary>
    public string Problem { get; }
}
