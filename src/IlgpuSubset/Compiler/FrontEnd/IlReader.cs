using System.Buffers.Binary;
using System.Reflection;
using System.Reflection.Emit;

namespace ILGPU.Compiler.FrontEnd;

/// <summary>An instruction of a method's IL: a number, a token, an offset, or several offsets for a switch.</summary>
internal readonly record struct IlInstruction(int Offset, OpCode Code, long Operand, int[]? Targets, int NextOffset);

/// <summary>Decodes the IL of a method (ECMA-335, partition III).</summary>
internal static class IlReader
{
    private static readonly Dictionary<short, OpCode> Codes = typeof(OpCodes)
        .GetFields(BindingFlags.Public | BindingFlags.Static)
        .Select(field => (OpCode)field.GetValue(null)!)
        .ToDictionary(code => code.Value);

    public static List<IlInstruction> Read(byte[] il)
    {
        var instructions = new List<IlInstruction>();
        int position = 0;
        while (position < il.Length)
        {
            int offset = position;
            short value = il[position++];
            if (value == 0xFE)
                value = (short)(0xFE00 | il[position++]);
            OpCode code = Codes[value];
            ReadOnlySpan<byte> rest = il.AsSpan(position);
            long operand = 0;
            int[]? targets = null;
            switch (code.OperandType)
            {
                case OperandType.InlineNone:
                    break;
                case OperandType.ShortInlineVar:
                    operand = rest[0];
                    position += 1;
                    break;
                case OperandType.ShortInlineI:
                    operand = (sbyte)rest[0];
                    position += 1;
                    break;
                case OperandType.ShortInlineBrTarget:
                    position += 1;
                    operand = position + (sbyte)rest[0];
                    break;
                case OperandType.InlineVar:
                    operand = BinaryPrimitives.ReadUInt16LittleEndian(rest);
                    position += 2;
                    break;
                case OperandType.InlineBrTarget:
                    position += 4;
                    operand = position + BinaryPrimitives.ReadInt32LittleEndian(rest);
                    break;
                case OperandType.InlineI8:
                case OperandType.InlineR:
                    operand = BinaryPrimitives.ReadInt64LittleEndian(rest);
                    position += 8;
                    break;
                case OperandType.InlineSwitch:
                    int count = BinaryPrimitives.ReadInt32LittleEndian(rest);
                    position += 4 + 4 * count;
                    targets = new int[count];
                    for (int i = 0; i < count; i++)
                        targets[i] = position + BinaryPrimitives.ReadInt32LittleEndian(rest[(4 + 4 * i)..]);
                    break;
                default:
                    operand = BinaryPrimitives.ReadInt32LittleEndian(rest);
                    position += 4;
                    break;
            }
            instructions.Add(new IlInstruction(offset, code, operand, targets, position));
        }
        return instructions;
    }
}
