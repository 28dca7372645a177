from . import generators as generators
from . import metrics as metrics
from . import testing as testing
from .comparison.comparing import Comparison as Comparison
from .comparison.comparing import compare as compare
from .comparison.held_out import HeldOut as HeldOut
from .comparison.ranking import Ranking as Ranking
from .comparison.ranking import rank as rank
from .core.errors import InputError as InputError
from .core.errors import MicrocharError as MicrocharError
from .core.errors import MissingDependencyError as MissingDependencyError
from .core.resampling import resample as resample
from .core.result import Profile as Profile
from .core.result import Result as Result
from .core.result import Value as Value
from .core.volume import Volume as Volume
from .core.volume import as_volume as as_volume
from .generation.catalogue import create_generator as create_generator
from .generation.generator import Generator as Generator
from .generation.models import load_model as load_model
from .generation.training import TrainingData as TrainingData
from .io.reading import read_volume as read_volume
from .io.writing import write_volume as write_volume
from .measurement.measuring import Measurement as Measurement
from .measurement.measuring import measure as measure
from .report.writing import write_report as write_report

__version__: str
