using ILGPU.Compiler.IR;

namespace ILGPU.Compiler.Passes;

/// <summary>Values to be replaced by others, collected by a pass and applied to all uses at once.</summary>
internal sealed class Substitution
{
    private readonly Dictionary<Value, Value> _replacements = new(ReferenceEqualityComparer.Instance);

    public bool IsEmpty => _replacements.Count == 0;

    public void Replace(Value value, Value replacement) => _replacements.Add(value, replacement);

    /// <summary>What stands for a value in the end.</summary>
    public Value Resolve(Value value)
    {
        Value result = value;
        while (_replacements.TryGetValue(result, out Value? next))
            result = next;
        // Shorten the way for the next question.
        while (value != result && _replacements.TryGetValue(value, out Value? next) && next != result)
        {
            _replacements[value] = result;
            value = next;
        }
        return result;
    }

    public void Resolve(Value[] values)
    {
        for (int i = 0; i < values.Length; i++)
            values[i] = Resolve(values[i]);
    }

    /// <summary>Replaces the uses in a block.</summary>
    public void Apply(Block block)
    {
        foreach (Instruction instruction in block.Instructions)
            Resolve(instruction.Operands);
        if (block.Terminator.Condition is { } condition)
            block.Terminator.Condition = Resolve(condition);
        foreach (Edge edge in block.Terminator.Edges)
            Resolve(edge.Arguments);
    }
}
