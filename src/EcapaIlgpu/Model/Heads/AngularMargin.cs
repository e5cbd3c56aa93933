namespace EcapaIlgpu.Model.Heads;

/// <summary>A margin added to the angle whose cosine is given, with what wespeaker does where angle and margin pass 180 degrees.</summary>
internal readonly struct AngularMargin(double margin, bool easy)
{
    private readonly double _cos = Math.Cos(margin);
    private readonly double _sin = Math.Sin(margin);

    /// <summary>cos(pi - margin): at smaller cosines, angle + margin is beyond 180 degrees.</summary>
    private readonly double _threshold = Math.Cos(Math.PI - margin);

    /// <summary>
    /// The cosine of angle + margin. Where that would no longer fall, the cosine is lowered instead by 1 + cos(pi - margin): wespeaker's
    /// constant, not the sin(margin) * margin of other ArcFace implementations. With an easy margin, obtuse angles are left alone.
    /// </summary>
    public double Widen(double cosine)
    {
        if (cosine <= (easy ? 0 : _threshold))
            return easy ? cosine : cosine - (1 + _threshold);
        return (cosine * _cos) - (Sine(cosine) * _sin);
    }

    /// <summary>The cosine of angle - margin.</summary>
    public double Narrow(double cosine) => (cosine * _cos) + (Sine(cosine) * _sin);

    private static double Sine(double cosine) => Math.Sqrt(1 - (cosine * cosine));
}
