using System.Runtime.CompilerServices;

namespace CudaEmulation;

/// <summary>
/// Turns statements into steps: names become places in a warp's registers, literals and special registers too, and the types of operands
/// are checked as ptxas does.
/// </summary>
internal sealed class PtxDecoder
{
    private readonly PtxEntry _entry;
    private readonly Dictionary<string, (int Place, string Type)> _registers = [];
    private readonly Dictionary<(ulong, int), int> _constants = [];
    private readonly List<(int, int, ulong)> _constantList = [];
    private readonly Dictionary<string, int> _specials = [];
    private int _registerBytes;
    private PtxStatement _statement = null!;

    private PtxDecoder(PtxEntry entry)
    {
        _entry = entry;
        foreach ((string prefix, (string type, int count)) in entry.Registers)
        {
            for (int i = 0; i < count; i++)
                _registers.Add($"{prefix}{i}", (Place(SizeOf(type)), type.TrimStart('.')));
        }
    }

    /// <summary>A kernel ready to run.</summary>
    /// <exception cref="PtxSyntaxException">An instruction is unknown, or its operands do not fit.</exception>
    public static PtxProgram Decode(PtxEntry entry)
    {
        var decoder = new PtxDecoder(entry);
        DecodedStatement[] code = [.. entry.Statements.Select(decoder.Decode)];
        return new PtxProgram(entry)
        {
            Code = code,
            RegisterBytes = decoder._registerBytes,
            Constants = decoder._constantList,
            Specials = decoder._specials,
        };
    }

    /// <summary>The place of a register that an instruction of a type writes.</summary>
    public int Target(Operand operand, string type)
    {
        if (operand is not RegisterOperand register)
            throw Error("a register expected as the result");
        return Register(register, type, mayBeWider: false);
    }

    /// <summary>The place of an operand that an instruction of a type reads.</summary>
    public int Source(Operand operand, string type, bool mayBeWider = false)
    {
        switch (operand)
        {
            case RegisterOperand register when register.Name.Contains('.') || register.Name is "%laneid" or "%dynamic_smem_size":
                throw Error($"{register.Name} may only be moved");
            case RegisterOperand register:
                return Register(register, type, mayBeWider);
            case NumberOperand number:
                if (type == "pred")
                    return Constant(number.Bits != 0 ? ulong.MaxValue : 0, 4);
                int size = SizeOf(type);
                bool isFloat = type[0] == 'f';
                bool fits = number.FloatBits == 0 ? !isFloat : (isFloat || type[0] == 'b') && number.FloatBits == size * 8;
                if (!fits || type == "f16")
                    throw Error($"a literal that is no {type}");
                // A literal must fit its type, signed or unsigned.
                if (size < 8 && number.FloatBits == 0 && (number.Bits < -(1L << (size * 8 - 1)) || number.Bits >= 1L << (size * 8)))
                    throw Error($"{number.Bits} does not fit {type}");
                return Constant((ulong)number.Bits, size);
            default:
                throw Error("a register or literal expected");
        }
    }

    /// <summary>The place of a special register or of an array's address, which only a move may read.</summary>
    public int MovedName(Operand operand)
    {
        if (operand is NameOperand name && _entry.Arrays.TryGetValue(name.Name, out (string Space, int Offset) array))
            return Constant((ulong)array.Offset, 4);
        string special = ((RegisterOperand)operand).Name;
        if (special is not ("%tid.x" or "%tid.y" or "%tid.z" or "%ntid.x" or "%ntid.y" or "%ntid.z" or "%ctaid.x" or "%ctaid.y"
            or "%ctaid.z" or "%nctaid.x" or "%nctaid.y" or "%nctaid.z" or "%laneid" or "%dynamic_smem_size"))
            throw Error($"unknown special register {special}");
        if (!_specials.TryGetValue(special, out int place))
            _specials.Add(special, place = Place(4));
        return place;
    }

    /// <summary>Whether an operand is one for <see cref="MovedName"/>.</summary>
    public static bool IsMovedName(Operand operand) =>
        operand is NameOperand
        || (operand is RegisterOperand register && (register.Name.Contains('.') || register.Name is "%laneid" or "%dynamic_smem_size"));

    /// <summary>The place of an address's base, its width in bytes, and its offset.</summary>
    public (int Place, int Width, long Offset) Address(Operand operand, string space)
    {
        if (operand is not AddressOperand address)
            throw Error("an address expected");
        if (_entry.Arrays.TryGetValue(address.Base, out (string Space, int Offset) array))
        {
            if (array.Space != space)
                throw Error($"{address.Base} is not in {space} memory");
            return (Constant((ulong)array.Offset, 4), 4, address.Offset);
        }
        if (!_registers.TryGetValue(address.Base, out (int Place, string Type) register))
            throw Error($"unknown name {address.Base} in an address");
        int width = SizeOf(register.Type);
        if (register.Type[0] != 'b' || width < 4 || (space == "global" && width != 8))
            throw Error($"{address.Base} cannot hold an address of {space} memory");
        return (register.Place, width, address.Offset);
    }

    /// <summary>The parameter that an address names.</summary>
    public PtxParameter Parameter(Operand operand, string type)
    {
        if (operand is not AddressOperand { Offset: 0 } address || _entry.Parameters.Find(p => p.Name == address.Base) is not { } parameter)
            throw Error("a parameter expected");
        if (parameter.Size != SizeOf(type))
            throw Error($"parameter {parameter.Name} is {parameter.Type}");
        return parameter;
    }

    public PtxSyntaxException Error(string message) => new(_statement.Line, $"{message} in '{_statement.Text}'");

    /// <summary>Bytes that a lane of a register of a type takes; a predicate is a bit of a 4-byte mask.</summary>
    public static int SizeOf(string type) => type.TrimStart('.') switch
    {
        "pred" => 4,
        var name => PtxParser.Bits(name) / 8,
    };

    private DecodedStatement Decode(PtxStatement statement)
    {
        _statement = statement;
        var decoded = new DecodedStatement { Predicate = -1, PredicateNegated = statement.PredicateNegated };
        if (statement.Predicate is not null)
            decoded.Predicate = Register(new RegisterOperand(statement.Predicate), "pred", mayBeWider: false);
        Operand[] operands = statement.Operands;
        switch (statement.Mnemonic)
        {
            case "bra" or "bra.uni":
                if (operands is not [NameOperand label] || !_entry.Labels.TryGetValue(label.Name, out decoded.Target))
                    throw Error("unknown label");
                // An unconditional branch is uniform whatever it says.
                decoded.Kind = statement.Mnemonic == "bra.uni" && statement.Predicate is not null
                    ? StepKind.UniformBranch
                    : StepKind.Branch;
                return decoded;
            case "ret" when operands.Length == 0:
                decoded.Kind = StepKind.Return;
                return decoded;
            case "bar.sync" when operands is [NumberOperand { Bits: 0 }]:
                decoded.Kind = StepKind.Barrier;
                return decoded;
            case "bar.red.popc.u32" or "bar.red.and.pred" or "bar.red.or.pred" when operands is [_, NumberOperand { Bits: 0 }, _]:
                decoded.Kind = StepKind.Barrier;
                string[] parts = statement.Mnemonic.Split('.');
                decoded.Reduction = parts[2];
                decoded.Result = Target(operands[0], parts[3]);
                decoded.Operand = Source(operands[2], "pred");
                return decoded;
            case "bar.warp.sync" when operands is [NumberOperand { Bits: 0xFFFFFFFF }]:
                decoded.Kind = StepKind.WarpWide;
                return decoded;
            default:
                if (statement.Mnemonic.Split('.') is ["shfl" or "mma" or "ldmatrix", "sync", ..])
                    decoded.Kind = StepKind.WarpWide;
                decoded.Step = InstructionSet.Decode(this, statement.Mnemonic, operands)
                    ?? throw Error("unknown instruction, or the wrong number of operands,");
                return decoded;
        }
    }

    private int Register(RegisterOperand operand, string type, bool mayBeWider)
    {
        if (!_registers.TryGetValue(operand.Name, out (int Place, string Type) register))
            throw Error($"unknown register {operand.Name}");
        string declared = register.Type;
        if (type == "pred" || declared == "pred")
        {
            if (type != declared)
                throw Error($"{operand.Name} is {declared}, not {type}");
            return register.Place;
        }
        int size = SizeOf(type), declaredSize = SizeOf(declared);
        bool sizesFit = size == declaredSize || (mayBeWider && size < declaredSize);
        // Bits go with everything; f16 has only bits to live in.
        bool kindsFit = type[0] == 'b' || declared[0] == 'b' || type[0] == declared[0];
        if (!sizesFit || !kindsFit)
            throw Error($"{operand.Name} is {declared}, not {type}");
        return register.Place;
    }

    private int Constant(ulong value, int size)
    {
        if (size < 8)
            value &= (1UL << (size * 8)) - 1;
        if (!_constants.TryGetValue((value, size), out int place))
        {
            _constants.Add((value, size), place = Place(size));
            _constantList.Add((place, size, value));
        }
        return place;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private int Place(int size)
    {
        int place = _registerBytes;
        _registerBytes += size * Warp.Lanes;
        return place;
    }
}
