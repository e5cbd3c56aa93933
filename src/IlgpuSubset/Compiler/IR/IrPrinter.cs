using System.Globalization;
using System.Text;

namespace ILGPU.Compiler.IR;

/// <summary>A kernel as text, for people and for tests; numbers values in order of appearance.</summary>
internal static class IrPrinter
{
    public static string Print(IrKernel kernel)
    {
        var names = new Dictionary<Value, string>(ReferenceEqualityComparer.Instance);
        var blocks = new Dictionary<Block, string>();
        foreach (Parameter parameter in kernel.Parameters)
            names[parameter] = "%" + parameter.Name;
        foreach (Block block in kernel.Blocks)
        {
            blocks[block] = $"b{blocks.Count}";
            foreach (Value value in block.Parameters.Concat<Value>(block.Instructions.Where(i => i.Type != IrType.Void)))
                names[value] = $"%{names.Count}";
        }

        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"kernel {kernel.Name}({Typed(kernel.Parameters)})\n");
        foreach (Block block in kernel.Blocks)
        {
            text.Append(CultureInfo.InvariantCulture, $"{blocks[block]}({Typed(block.Parameters)}):\n");
            foreach (Instruction instruction in block.Instructions)
                text.Append("    ").Append(Text(instruction)).Append('\n');
            string[] edges = [.. block.Terminator.Edges.Select(edge =>
                $"{blocks.GetValueOrDefault(edge.Target, "?")}({string.Join(", ", edge.Arguments.Select(Name))})")];
            text.Append("    ").Append(edges.Length switch
            {
                0 => "return",
                1 => $"goto {edges[0]}",
                _ => $"if {Name(block.Terminator.Condition!)} goto {edges[0]} else {edges[1]}",
            }).Append('\n');
        }
        return text.ToString();

        string Typed(IEnumerable<Value> values) => string.Join(", ", values.Select(value => $"{Name(value)}: {value.Type}"));

        string Name(Value value) => value is Constant constant ? constant.ToString() : names.GetValueOrDefault(value, "%?");

        string Text(Instruction i)
        {
            var line = new StringBuilder();
            if (i.Type != IrType.Void)
                line.Append(CultureInfo.InvariantCulture, $"{Name(i)}: {i.Type} = ");
            line.Append(i.Op.ToString().ToLowerInvariant());
            if (Variant(i) is { } variant)
                line.Append('.').Append(variant.ToLowerInvariant());
            line.Append(' ').AppendJoin(", ", i.Operands.Select(Name));
            if (i.Op is Opcode.PtrAdd)
                line.Append(CultureInfo.InvariantCulture, $" * {i.Immediate}");
            else if (i.Op is Opcode.Load or Opcode.Store or Opcode.Atomic or Opcode.MatrixLoad or Opcode.CopyAsync)
                line.Append(CultureInfo.InvariantCulture, $" [+{i.Immediate}, align {i.Alignment}]");
            else if (i.Op is Opcode.Extract or Opcode.Shuffle or Opcode.SharedAlloc or Opcode.LocalAlloc)
                line.Append(CultureInfo.InvariantCulture, $" [{i.Immediate}]");
            if (i.Name is not null)
                line.Append(CultureInfo.InvariantCulture, $" \"{i.Name}\"");
            if (i.Location.File is not null)
                line.Append(CultureInfo.InvariantCulture, $"    ; {Path.GetFileName(i.Location.File)}:{i.Location.Line}");
            return line.ToString();
        }
    }

    /// <summary>The name of an instruction's variant; null for opcodes that have none.</summary>
    public static string? Variant(Instruction i) => i.Op switch
    {
        Opcode.Compare => i.Comparison.ToString(),
        Opcode.Convert => i.Conversion.ToString(),
        Opcode.Math => i.Function.ToString(),
        Opcode.Special => i.Number.ToString(),
        Opcode.BarrierReduce => i.Reduction.ToString(),
        Opcode.Shuffle => i.Exchange.ToString(),
        Opcode.Atomic => i.Update.ToString(),
        Opcode.Fence => i.Scope.ToString(),
        Opcode.MatrixMultiply => i.Format.ToString(),
        Opcode.SharedAlloc when i.IsDynamic => "dynamic",
        _ => null,
    };
}
