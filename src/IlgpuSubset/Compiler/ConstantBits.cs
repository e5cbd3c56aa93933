namespace ILGPU.Compiler;

/// <summary>Numbers of the host as the bits in which arguments and constants carry them.</summary>
internal static class ConstantBits
{
    /// <summary>The bits of a boxed number, truth value, character or enumeration; false for anything else.</summary>
    public static bool TryGet(object value, out long bits)
    {
        (bool known, bits) = value switch
        {
            bool v => (true, v ? 1 : 0),
            sbyte v => (true, v),
            byte v => (true, v),
            short v => (true, v),
            ushort v => (true, v),
            char v => (true, v),
            int v => (true, v),
            uint v => (true, v),
            long v => (true, v),
            ulong v => (true, (long)v),
            nint v => (true, v),
            nuint v => (true, (long)v),
            Half v => (true, v.RawValue),
            System.Half v => (true, BitConverter.HalfToUInt16Bits(v)),
            float v => (true, BitConverter.SingleToInt32Bits(v)),
            double v => (true, BitConverter.DoubleToInt64Bits(v)),
            Enum v => (TryGet(System.Convert.ChangeType(v, v.GetTypeCode()), out long number), number),
            _ => (false, 0L),
        };
        return known;
    }
}
