using System.Collections.Concurrent;
using System.Runtime.CompilerServices;

namespace Needs;

/// <summary>What some tests use and not every machine has, and what a test without it says. Every need is a type of its own.</summary>
/// <param name="missing">Looks for it: what is missing, as a sentence without its full stop; null where it is there.</param>
/// <param name="notInRepository">Why the repository does not bring it, likewise.</param>
/// <param name="howToGet">How it is had: what follows "To have it,".</param>
internal abstract class Need(Func<string?> missing, string notInRepository, string howToGet)
{
    /// <summary>Attributes are made anew for every test, and some needs take a driver's start to look for.</summary>
    private static readonly ConcurrentDictionary<Type, Need> Known = new();

    private readonly Lazy<string?> _missing = new(missing);

    /// <summary>Why a test cannot run.</summary>
    /// <param name="test">The test's name, which is the sentence that it proves.</param>
    /// <param name="needs">The types of what it needs.</param>
    /// <returns>
    /// Of all that is missing: what it is, why it is not in the repository, how to get it; then what is not checked. Null where all is
    /// there.
    /// </returns>
    public static string? WhySkipped(string test, params IEnumerable<Type> needs)
    {
        string[] reasons =
            [.. needs.Select(type => Known.GetOrAdd(type, type => (Need)Activator.CreateInstance(type)!).Reason).OfType<string>()];
        return reasons.Length == 0 ? null : $"{string.Join(" ", reasons)} Not checked: \"{test.Replace('_', ' ')}\".";
    }

    private string? Reason =>
        _missing.Value is { } what ? $"{what.TrimEnd('.')}. {notInRepository}. To have it, {howToGet}." : null;
}

/// <summary>A test that is skipped, with the whole reason, where something that it needs is not there.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class NeedsFactAttribute : FactAttribute
{
    public NeedsFactAttribute(Type need, Type? another = null, [CallerMemberName] string test = "") =>
        Skip = Need.WhySkipped(test, another is null ? [need] : [need, another]);
}

/// <summary>As <see cref="NeedsFactAttribute"/>, for theories.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class NeedsTheoryAttribute : TheoryAttribute
{
    public NeedsTheoryAttribute(Type need, Type? another = null, [CallerMemberName] string test = "") =>
        Skip = Need.WhySkipped(test, another is null ? [need] : [need, another]);
}
